// A browser at the start page, for the journeys beside this file: what it asks for and complains of is watched.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const { CHROMIUM, PICTURES } = process.env;
export const { PAGE } = process.env;
export const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
// A time zone with half an hour and with summer time: whoever leaves the offset out, or takes today's, is found out.
export const context = await browser.newContext({ viewport: { width: 1000, height: 800 }, timezoneId: "America/St_Johns" });
context.setDefaultTimeout(60_000);

const complaints = [];
const hosts = new Set();
export function watch(page) {
  page.on("console", (message) => { if (message.type() === "error") complaints.push(`${page.url().split("?")[0]}: ${message.text()}`); });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("dialog", (dialog) => { complaints.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => hosts.add(new URL(request.url()).hostname));
}
context.on("page", watch);

let steps = 0;
export async function step(name, work) {
  await work();
  steps += 1;
  console.log(`ok ${name}`);
}
export async function picture(page, name) {
  if (PICTURES) await page.screenshot({ path: `${PICTURES}/${name}.png`, fullPage: true });
}

export const page = await context.newPage();
await page.goto(PAGE);

/** Opens the popup and decides at the simulated Instagram; returns the popup on the callback's page. */
export async function decide(username, decision, { untick } = {}) {
  const [popup] = await Promise.all([context.waitForEvent("page"), page.click("#connect")]);
  await popup.waitForSelector("[name=_sim_as]");
  await popup.check(`[name=_sim_as][value="${username}"]`);
  if (untick) await popup.uncheck(`[name=_sim_scopes][value="${untick}"]`);
  await picture(popup, `2-consent-${username}-${decision}`);
  await popup.click(`[name=_sim_decision][value=${decision}]`);
  return popup;
}

/** Nothing complained, nothing came from elsewhere. */
export async function finish() {
  // Refusals are HTTP errors by design, and the browser reports each of them.
  const unexpected = complaints.filter((text) => !/the server responded with a status of 4\d\d/i.test(text));
  assert.deepEqual(unexpected, [], "nothing complains");
  assert.deepEqual([...hosts].filter((host) => !["localhost", "127.0.0.1"].includes(host)), [], "nothing from other hosts");
  await browser.close();
  console.log(`${steps} passed, 0 failed`);
}
