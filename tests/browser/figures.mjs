// What a person sees of an account's media and figures; every number is the API's.
import assert from "node:assert/strict";
import { PAGE, decide, finish, page, picture, step } from "./browser.mjs";

/** What the API answers the page's person. */
async function api(path) {
  const { token } = await (await fetch(`${PAGE}/local/token`)).json();
  const response = await fetch(PAGE + path, { headers: { authorization: "Bearer " + token } });
  assert.equal(response.status, 200, path);
  return response.json();
}

const shown = (value) => (value === null ? "–" : value.toLocaleString("en-US"));
let account;
let query;

await step("an account with a past is connected and read", async () => {
  const popup = await decide("harbor.cafe", "allow");
  await popup.waitForEvent("close");
  account = (await api("/instagram/accounts")).accounts[0].id;
  // The first read follows a minute after the login.
  await fetch(`${PAGE}/local/clock`, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ advance: "PT3M" }),
  });
  const { entries } = await api(`/instagram/accounts/${account}/sync-log`);
  assert.ok(entries.some((entry) => entry.syncType === "media" && entry.status === "success"), JSON.stringify(entries));
});

await step("the totals are the API's", async () => {
  await page.click("#to-figures");
  await page.waitForSelector("#totals div");
  await page.waitForSelector("#audience meter");
  const { now } = await (await fetch(`${PAGE}/local/state`)).json();
  const at = (daysAgo) => new Date(Date.parse(now) - daysAgo * 86400e3).toISOString().slice(0, 10);
  query = `since=${at(90)}&until=${at(1)}`;
  const { totals } = await api(`/analytics?accountId=${account}&${query}`);
  for (const metric of ["followers", "reach", "views", "total_interactions", "follows"]) {
    const told = await page.locator(`#totals [data-metric=${metric}] dd`).first().textContent();
    assert.equal(told, shown(totals[metric].value), metric);
  }
});

await step("each chart is drawn, and its sum is the API's", async () => {
  const { series } = await api(`/instagram/accounts/${account}/insights?metrics=reach,views&${query}`);
  for (const { metric, points } of series) {
    const chart = page.locator(`.chart[data-metric=${metric}]`);
    await chart.locator("canvas").waitFor();
    const sum = points.reduce((all, point) => all + (point.value || 0), 0);
    assert.equal(await chart.locator("p").textContent(), `Together ${shown(sum)}.`);
  }
});

await step("the heat map has every hour with a post", async () => {
  const { slots, basedOn } = await api(`/instagram/accounts/${account}/best-times?${query}`);
  assert.equal(await page.locator("#times td[data-heat]").count(), slots.length);
  assert.match(await page.locator("#based-on").textContent(), new RegExp(`Based on ${basedOn} posts`));
});

await step("the grid shows the media, page by page", async () => {
  const { media } = await api(`/instagram/accounts/${account}/media?limit=24`);
  const ids = await page.locator("#media li").evaluateAll((items) => items.map((item) => item.dataset.id));
  assert.deepEqual(ids, media.map((one) => one.id));
  await picture(page, "figures");
  await page.click("#more button");
  await page.waitForFunction(() => document.querySelectorAll("#media li").length === 48);
});

await finish();
