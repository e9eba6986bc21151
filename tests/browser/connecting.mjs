// What a person does with the start page, in a real browser: connect, refusals, markup, disconnect.
import assert from "node:assert/strict";
import { PAGE, browser, context, decide, finish, page, picture, step, watch } from "./browser.mjs";

await page.waitForSelector("#no-accounts:not([hidden])");
await picture(page, "1-empty");

/** The popup's refusal: its code and sentence, and what the start page says. */
async function refused(popup, code, words) {
  await popup.waitForSelector("main.failed");
  assert.equal(await popup.getAttribute("body", "data-code"), code);
  assert.match(await popup.textContent("#sentence"), words);
  assert.ok(await popup.getAttribute("#try-again", "href"), "another try is offered");
  await page.waitForSelector("#message.bad");
  await picture(popup, `3-${code}`);
  await popup.close();
}

await step("connect: the popup closes itself and the card appears", async () => {
  const popup = await decide("corner.bakery", "allow");
  await popup.waitForSelector("main.connected");
  assert.match(await popup.textContent("#sentence"), /@corner\.bakery/);
  await picture(popup, "3-connected");
  await popup.waitForEvent("close");
  const card = page.locator(".card", { hasText: "@corner.bakery" });
  await card.waitFor();
  assert.equal(await card.locator(".status").textContent(), "Active");
  assert.match(await card.locator(".expiry").textContent(), /renews itself/);
  const image = card.locator("img");
  await image.waitFor();
  await page.waitForFunction(() => document.querySelector(".card img").naturalWidth > 0);
  await picture(page, "4-card");
});

await step("refusals: canceled, personal account, basic permission unticked", async () => {
  await refused(await decide("ann.makes", "deny"), "access_denied", /canceled/);
  await refused(await decide("private.pat", "allow"), "account_not_professional", /professional/);
  await refused(await decide("ann.makes", "allow", { untick: "instagram_business_basic" }), "missing_scope", /permission/);
  assert.equal(await page.locator(".card").count(), 1);
});

await step("refusal: an account of another company", async () => {
  await page.selectOption("[name=company]", "globex");
  await page.waitForSelector("#no-accounts:not([hidden])");
  await refused(await decide("corner.bakery", "allow"), "already_connected_elsewhere", /already connected/);
  assert.equal(await page.locator(".card").count(), 0);
  await page.selectOption("[name=company]", "acme");
  await page.locator(".card").waitFor();
});

await step("try again from the refusal's page", async () => {
  const popup = await decide("ann.makes", "deny");
  await popup.waitForSelector("main.failed");
  await popup.click("#try-again");
  await popup.check('[name=_sim_as][value="ann.makes"]');
  await popup.click("[name=_sim_decision][value=allow]");
  await popup.waitForEvent("close");
  await page.locator(".card", { hasText: "@ann.makes" }).waitFor();
});

await step("a name with markup stays text", async () => {
  const popup = await decide("markup.mallory", "allow");
  await popup.waitForSelector("main.connected");
  assert.match(await popup.textContent("#sentence"), /<\w+/);
  assert.equal(await popup.locator("#sentence script, #sentence img").count(), 0);
  await popup.waitForEvent("close");
  const card = page.locator(".card", { hasText: "@markup.mallory" });
  await card.waitFor();
  assert.match(await card.locator("h3").textContent(), /<\w+/);
  assert.equal(await card.locator("h3 *").count(), 0);
  await picture(page, "5-three-cards");
});

await step("without JavaScript the callback's page says it all", async () => {
  const plain = await browser.newContext({ javaScriptEnabled: false });
  const { token } = await (await fetch(`${PAGE}/local/token?user=ann&company=acme&role=admin`)).json();
  // The context's own requests share its cookies: the one that binds the login is among them.
  const headers = { authorization: `Bearer ${token}`, "sec-fetch-site": "same-origin" };
  const begun = await (await plain.request.get(`${PAGE}/instagram/connect`, { headers })).json();
  const popup = await plain.newPage();
  watch(popup);
  await popup.goto(begun.url);
  await popup.check('[name=_sim_as][value="city.museum"]');
  await popup.click("[name=_sim_decision][value=deny]");
  await popup.waitForSelector("main.failed");
  assert.equal(await popup.locator("#try-again").count(), 1);
  assert.equal(await popup.locator("#back").count(), 1);
  await plain.close();
});

await step("a token is renewed by hand, once it is a day old", async () => {
  const card = page.locator(".card", { hasText: "@corner.bakery" });
  const before = await card.locator(".expiry").textContent();
  await card.locator(".renew").click();
  await page.locator("#message.bad", { hasText: "less than a day ago" }).waitFor();
  await page.click("[data-advance=P1D]");
  await page.locator("#message", { hasText: "Time has passed" }).waitFor();
  // A quarter of an hour more: Meta's clock may be behind.
  const headers = { "content-type": "application/json" };
  await fetch(`${PAGE}/local/clock`, { method: "POST", headers, body: JSON.stringify({ advance: "PT1H" }) });
  await card.locator(".renew").click();
  await page.locator("#message", { hasText: "is good until" }).waitFor();
  await page.waitForFunction((text) => [...document.querySelectorAll(".card")]
    .some((card) => card.textContent.includes("@corner.bakery") && card.querySelector(".expiry").textContent !== text), before);
  assert.match(await card.locator(".expiry").textContent(), /renews itself on/);
  assert.match(await page.textContent("#coverage"), /^Connected: 3\. 3 renew themselves\.$/);
  await picture(page, "6-renewed");
});

await step("disconnect asks first, and keeps the card", async () => {
  const card = page.locator(".card", { hasText: "@corner.bakery" });
  await card.locator(".disconnect").click();
  await page.click("#confirm [value=no]");
  assert.equal(await card.locator(".status").textContent(), "Active");
  await card.locator(".disconnect").click();
  await picture(page, "6-confirm");
  await page.click("#confirm [value=yes]");
  await card.locator(".status", { hasText: "Disconnected" }).waitFor();
});

await step("a token that could not be renewed is warned about", async () => {
  const instagram = new URL(await page.getAttribute("#instagram", "href")).origin;
  const fault = { endpoint: "GET /refresh_access_token", kind: "app_outage" };
  const headers = { "content-type": "application/json" };
  const added = await fetch(`${instagram}/_sim/faults`, { method: "POST", headers, body: JSON.stringify(fault) });
  assert.ok(added.ok, await added.text());
  const turned = await fetch(`${PAGE}/local/clock`, { method: "POST", headers, body: JSON.stringify({ advance: "P54D" }) });
  assert.ok(turned.ok, await turned.text());
  await page.reload();
  const card = page.locator(".card", { hasText: "@ann.makes" });
  await card.locator(".expiry.warning").waitFor();
  assert.match(await card.locator(".expiry").textContent(), /could not be renewed.* runs out in \d days?/);
  await page.setViewportSize({ width: 400, height: 900 });
  await picture(page, "7-narrow-with-warning");
});

await finish();
