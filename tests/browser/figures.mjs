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
    const tile = page.locator(`#totals [data-metric=${metric}]`);
    assert.equal(await tile.locator("dd").first().textContent(), shown(totals[metric].value), metric);
    const { change } = totals[metric];
    const told = change === null ? "no days before" : (change < 0 ? "" : "+") + (change * 100).toFixed(1) + " %";
    assert.equal(await tile.locator(".change").textContent(), told, metric);
  }
});

await step("each chart is drawn, and what is said of it is the API's", async () => {
  const { series } = await api(`/instagram/accounts/${account}/insights?metrics=followers,reach,views,total_interactions&${query}`);
  assert.equal(series.length, 4);
  for (const { metric, points } of series) {
    const chart = page.locator(`.chart[data-metric=${metric}]`);
    await chart.locator("canvas").waitFor();
    const known = points.map((point) => point.value).filter((value) => value !== null);
    const told = await chart.locator("p").textContent();
    if (!known.length) assert.equal(told, "Nothing is known of these days.");
    else if (metric === "followers") assert.equal(told, `From ${shown(known[0])} to ${shown(known[known.length - 1])}.`);
    else assert.equal(told, `Together ${shown(known.reduce((all, value) => all + value, 0))}.`);
  }
});

await step("the heat map has every hour with a post", async () => {
  const { slots, basedOn } = await api(`/instagram/accounts/${account}/best-times?${query}`);
  const cells = await page.locator("#times tr").evaluateAll((rows) => rows.slice(1).flatMap((row, day) =>
    [...row.querySelectorAll("td")].map((cell, hour) => [day + 1, hour, cell.textContent, cell.title])));
  const drawn = cells.filter(([, , posts]) => posts !== "");
  const told = slots.map(({ weekday, hour, posts, meanInteractions, score }) =>
    [weekday, hour, String(posts), `${posts} posts, ${meanInteractions} interactions each, ${score} times the usual`]);
  const sorted = (list) => list.map((one) => JSON.stringify(one)).sort();
  assert.ok(told.length > 20, "there is something to compare");
  assert.deepEqual(sorted(drawn), sorted(told));
  assert.match(await page.locator("#based-on").textContent(), new RegExp(`Based on ${basedOn} posts`));
});

await step("followers by age, city, country and gender are the API's", async () => {
  const { breakdowns } = await api(`/instagram/accounts/${account}/demographics`);
  assert.deepEqual(Object.keys(breakdowns).sort(), ["age", "city", "country", "gender"]);
  const told = Object.values(breakdowns).flatMap((parts) => parts.slice(0, 7).map((part) => `${part.value}: ${shown(part.people)}`));
  assert.deepEqual(await page.locator("#audience label").allTextContents(), told);
});

await step("the best posts are the API's", async () => {
  const { media, meanEngagementRate } = await api(`/instagram/accounts/${account}/top-media?limit=5&${query}`);
  assert.equal(media.length, 5);
  assert.equal(await page.locator("#engagement").textContent(), `Engagement rate of the last 30 posts: ${(meanEngagementRate * 100).toFixed(2)} %.`);
  const told = await page.locator("#top li").allTextContents();
  media.forEach((one, place) => {
    assert.ok(told[place].includes(`${shown(one.value)} interactions`), told[place]);
    assert.ok(told[place].startsWith((one.caption || one.kind).slice(0, 80)), told[place]);
  });
});

await step("the grid shows the media, page by page", async () => {
  const { media } = await api(`/instagram/accounts/${account}/media?limit=24`);
  const ids = await page.locator("#media li").evaluateAll((items) => items.map((item) => item.dataset.id));
  assert.deepEqual(ids, media.map((one) => one.id));
  const counts = await page.locator("#media li").evaluateAll((items) => items.map((item) => item.querySelector("p").textContent));
  assert.deepEqual(counts, media.map(({ likeCount, commentsCount }) => {
    const told = [];
    if (likeCount !== undefined) told.push(`${shown(likeCount)} likes`);
    if (commentsCount !== undefined) told.push(`${shown(commentsCount)} comments`);
    return told.join(", ") || "counts are hidden";
  }));
  await picture(page, "figures");
  await page.click("#more button");
  await page.waitForFunction(() => document.querySelectorAll("#media li").length === 48);
});

await finish();
