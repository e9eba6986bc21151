// What a person does with the composer, the posts and the calendar: publish, be refused, schedule, cancel, change.
import assert from "node:assert/strict";
import { PAGE, context, decide, finish, page, picture, step } from "./browser.mjs";

const MARKUP = "Bread at seven <img src=x onerror=alert(1)> <b>fresh</b> #bread @ann.makes";

const sample = (name) => page.locator("#samples button", { hasText: name }).click();
const post = (text) => page.locator("#posts > li", { hasText: text });
const badge = (text, state) => post(text).locator(".badge", { hasText: state }).waitFor();
const said = (text) => page.locator("#composer-message", { hasText: text }).waitFor();

/** Fills in the composer's time: so many hours after the present one of the stack's clock. */
async function at(hours) {
  const { now } = await (await fetch(`${PAGE}/local/state`)).json();
  const local = await page.evaluate((time) => {
    const date = new Date(time);
    return new Date(date - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
  }, Date.parse(now) + hours * 3600e3);
  await page.check("[name=when][value=time]");
  await page.fill("[name=time]", local);
}

/** The calendar's entry with this text, in the present week or one beside it. */
async function inCalendar(text) {
  const entry = page.locator("#week button", { hasText: text });
  for (const turn of ["#week-now", "#week-after", "#week-now", "#week-before"]) {
    await page.click(turn);
    await page.locator(`${turn}:not(:disabled)`).waitFor();
    if (await entry.count()) return entry;
  }
  throw new Error(`the calendar does not show ${text}`);
}

/** Follows a post's link to the simulated profile. */
async function onProfile(text) {
  const [profile] = await Promise.all([context.waitForEvent("page"), post(text).locator(".permalink").click()]);
  await profile.waitForSelector("figure:target");
  return profile;
}

await step("with an account there is a composer", async () => {
  assert.ok(await page.locator("#publishing").isHidden());
  const popup = await decide("corner.bakery", "allow");
  await popup.waitForEvent("close");
  await page.waitForSelector("#publishing:not([hidden])");
  await page.waitForSelector("#no-posts:not([hidden])");
});

await step("the API's description shows the members of every kind of post", async () => {
  const docs = await context.newPage();
  await docs.goto(`${PAGE}/docs#type-NewPost`);
  const type = docs.locator("#type-NewPost[open]");
  await type.waitFor();
  const names = await type.locator("dt > code").allTextContents();
  for (const name of ["imageUrl", "items", "videoUrl", "trialReel", "publishAt", "draft", "templateId"]) {
    assert.ok(names.includes(name), `${name} is not among ${names}`);
  }
  assert.match(await type.textContent(), /publishAt now or string, date-time/);
  await docs.close();
});

await step("the caption is counted as the preflight counts it", async () => {
  // As in the tests of functions/publish/src/preflight/text.rs.
  const cases = [
    ["#bread", 1, 0], ["#bread #bread", 2, 0], ["#one#two", 2, 0], ["#2026 ＃パン #хлеб #नमस्ते#दुनिया #🍞", 6, 0], ["日本、#tag", 1, 0],
    ["(#bread) \"#butter\" a/#b", 3, 0], ["a#b C# # #, ##", 0, 0], ["##bread", 1, 0], ["#️⃣ is a key", 0, 0],
    ["https://a.example/#top www.a.example/#top", 0, 0], ["@ann and @ben.b_c", 0, 2], ["@ann@ben", 0, 2], ["(@ann)", 0, 1],
    ["ann@a.example @ @-", 0, 0], ["https://a.example/@ann", 0, 0],
  ];
  const counted = await page.evaluate(async (texts) => {
    const { hashtags, mentions } = await import("/local/caption.js");
    return texts.map((text) => [text, hashtags(text), mentions(text)]);
  }, cases.map(([text]) => text));
  assert.deepEqual(counted, cases);
  const counter = page.locator("#caption-count");
  await page.fill("[name=caption]", "🍞".repeat(1101));
  assert.match(await counter.textContent(), /^1101 of 2200 characters .* perhaps too long/);
  await page.fill("[name=caption]", "ä".repeat(2201));
  assert.ok((await counter.getAttribute("class")).includes("bad"));
});

await step("a time is sent with the offset that the browser has then", async () => {
  const sent = await page.evaluate(async (times) => {
    const { withOffset } = await import("/local/composer.js");
    return times.map(withOffset);
  }, ["2027-01-15T09:30", "2027-07-15T09:30"]);
  assert.deepEqual(sent, ["2027-01-15T09:30:00-03:30", "2027-07-15T09:30:00-02:30"]);
});

await step("a picture is published now, and its caption stays text", async () => {
  await sample("Square");
  await page.fill("[name=caption]", MARKUP);
  await page.fill("[name=firstComment]", "Which one is yours?");
  assert.equal(await page.textContent("#preview-caption"), MARKUP);
  await page.click("#preflight");
  await said("Nothing stands in the way.");
  await picture(page, "8-composer");
  await page.click("#send");
  await badge(MARKUP, "Live");
  await post(MARKUP).locator("dd", { hasText: "stands below the post" }).waitFor();
  assert.equal(await page.locator("#posts .caption *, #preview-caption *, #week button span *").count(), 0);
  const profile = await onProfile(MARKUP);
  assert.match(await profile.textContent("figure:target"), /Bread at seven <img src=x .*1 comment/);
  await picture(profile, "9-profile");
  await profile.close();
});

await step("a timeline tells each step", async () => {
  await post(MARKUP).locator("summary").click();
  const entries = post(MARKUP).locator(".timeline span");
  await entries.first().waitFor();
  const sentences = await entries.allTextContents();
  assert.match(sentences[0], /first comment/);
  assert.match(sentences.at(-1), /^The post is planned for/);
});

await step("a picture that Instagram does not take is refused with a sentence", async () => {
  await sample("PNG");
  await page.click("#send");
  await page.locator("#findings .bad", { hasText: "PNG" }).waitFor();
  assert.equal(await page.locator("#posts > li").count(), 1);
  await picture(page, "10-findings");
});

await step("a post that is scheduled for tomorrow is in the calendar, and is published at its time", async () => {
  await sample("Portrait");
  await page.fill("[name=caption]", "Tomorrow's bread");
  await at(23);
  await page.click("#send");
  await said("Scheduled for");
  await badge("Tomorrow's bread", "Scheduled");
  await inCalendar("Tomorrow's bread");
  await picture(page, "11-scheduled");
  await page.click("[data-advance=P1D]");
  await badge("Tomorrow's bread", "Live");
  const entry = await inCalendar("Tomorrow's bread");
  await entry.locator("small", { hasText: "Live" }).waitFor();
  const profile = await onProfile("Tomorrow's bread");
  assert.match(await profile.textContent("figure:target"), /Tomorrow's bread/);
  await profile.close();
});

await step("a reel is processed before it is live", async () => {
  await page.selectOption("[name=kind]", "reel");
  await page.fill("[name=media]", "");
  await sample("Video, 10 s");
  await page.fill("[name=caption]", "How bread is made");
  await page.click("#send");
  await badge("How bread is made", "Being prepared");
  await page.click("[data-advance=PT1H]");
  await badge("How bread is made", "Live");
});

await step("a post is canceled, copied, changed and planned anew, with the keyboard", async () => {
  await page.selectOption("[name=kind]", "carousel");
  await page.fill("[name=media]", "");
  for (const name of ["Square", "Landscape", "Video, 10 s"]) await sample(name);
  await page.fill("[name=caption]", "Three breads");
  await at(48);
  await page.press("#send", "Enter");
  await badge("Three breads", "Scheduled");
  await post("Three breads").locator(".cancel").press("Enter");
  await page.press("#confirm [value=no]", "Enter");
  assert.equal(await post("Three breads").locator(".badge").textContent(), "Scheduled");
  await post("Three breads").locator(".cancel").press("Enter");
  await page.press("#confirm [value=yes]", "Enter");
  await badge("Three breads", "Canceled");
  assert.ok(await post("Three breads").locator(".cancel").isHidden());

  await post("Three breads").locator(".duplicate").press("Enter");
  await page.locator("#drafts button", { hasText: "Three breads" }).press("Enter");
  const draft = post("Three breads").filter({ has: page.locator(".badge.draft") });
  await draft.locator(".edit").press("Enter");
  assert.equal((await page.inputValue("[name=media]")).split("\n").length, 3);
  await page.fill("[name=caption]", "Four breads");
  await page.uncheck("[name=draft]");
  await at(24);
  await page.press("#send", "Enter");
  await badge("Four breads", "Scheduled");
  assert.ok(await page.locator("#drafts-aside").isHidden());
  await picture(page, "12-posts");
});

await step("on a small screen nothing is cut off", async () => {
  await page.setViewportSize({ width: 400, height: 900 });
  const [wide, inner] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= inner, `${wide} px of ${inner}`);
  await picture(page, "13-narrow");
});

await step("what is at rest is not asked about", async () => {
  await post("Four breads").locator(".cancel").click();
  await page.click("#confirm [value=yes]");
  await badge("Four breads", "Canceled");
  const other = await context.newPage();
  await other.clock.install();
  await other.goto(PAGE);
  await other.locator("#drafts-aside").waitFor({ state: "attached" });
  await other.locator("#week button", { hasText: "bread" }).first().waitFor();
  await other.waitForLoadState("networkidle");
  const asked = [];
  other.on("request", (request) => asked.push(request.url()));
  await other.clock.fastForward("10:00");
  await other.evaluate(() => fetch("/local/state"));
  assert.deepEqual(asked, [`${PAGE}/local/state`]);
});

await finish();
