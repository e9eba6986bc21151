// The calendar: a week of the account's posts by the stack's clock, and drafts that have no time yet.

import { attempt, byId, call, day, now } from "./api.js";
import { KINDS, STATES, known, learn, path, show } from "./posts.js";

/** How many pages of posts a week may have: whoever plans more sees the first ones. */
const MOST_PAGES = 10;

// Weeks from the present one.
let offset = 0;

const midnight = (monday, days) => new Date(monday.getFullYear(), monday.getMonth(), monday.getDate() + days);

/** The Monday of the week that is shown, in the browser's time zone. */
function start() {
  const today = now();
  return midnight(today, 7 * offset - (today.getDay() + 6) % 7);
}

/** Loads and shows the week. */
export async function showWeek() {
  draw();
  const monday = start();
  const week = "&from=" + monday.toISOString() + "&to=" + midnight(monday, 7).toISOString();
  await load(week);
  await load("&state=draft");
}

async function load(filter) {
  const list = path();
  let cursor = "";
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer = await call("GET", list + "?limit=100" + filter + cursor);
    // Another account by now: its own load is under way.
    if (list !== path()) return;
    learn(answer.posts);
    if (!answer.nextCursor) return;
    cursor = "&cursor=" + encodeURIComponent(answer.nextCursor);
  }
}

let drawn = "";

/** Draws what is known of the week. */
export function draw() {
  const monday = start();
  const days = [0, 1, 2, 3, 4, 5, 6].map((number) => midnight(monday, number));
  const end = midnight(monday, 7);
  const posts = [...known.values()].sort((a, b) => (a.publishAt > b.publishAt ? 1 : -1));
  const planned = posts.filter((post) => post.publishAt && new Date(post.publishAt) >= monday && new Date(post.publishAt) < end);
  const drafts = posts.filter((post) => post.state === "draft" && !post.publishAt);
  const source = JSON.stringify([monday, now().toDateString(), planned, drafts]);
  if (source === drawn) return;
  drawn = source;
  byId("week-title").textContent = day(monday) + " to " + day(days[6]);
  byId("week").replaceChildren(...days.map((date) => {
    const isToday = date.toDateString() === now().toDateString();
    const own = planned.filter((post) => new Date(post.publishAt).toDateString() === date.toDateString());
    return column(date, isToday, own);
  }));
  byId("drafts").replaceChildren(...drafts.map(entry));
  byId("drafts-aside").hidden = drafts.length === 0;
}

function column(date, isToday, posts) {
  const item = byId("day").content.firstElementChild.cloneNode(true);
  const title = item.querySelector("h4");
  title.firstElementChild.textContent = date.toLocaleDateString(undefined, { weekday: "short" });
  title.lastElementChild.textContent = date.toLocaleDateString(undefined, { day: "numeric", month: "short" });
  if (isToday) item.setAttribute("aria-current", "date");
  item.classList.toggle("empty", posts.length === 0);
  item.querySelector("ul").replaceChildren(...posts.map(entry));
  return item;
}

function entry(post) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const text = document.createElement("span");
  const badge = document.createElement("small");
  button.type = "button";
  button.className = post.state;
  if (post.publishAt) {
    const time = document.createElement("time");
    time.dateTime = post.publishAt;
    time.textContent = new Date(post.publishAt).toLocaleTimeString(undefined, { timeStyle: "short" });
    button.append(time);
  }
  text.textContent = post.caption || KINDS[post.kind];
  badge.textContent = STATES[post.state] || post.state;
  button.append(text, badge);
  button.addEventListener("click", () => show(post.id));
  item.append(button);
  return item;
}

function turn(button, to) {
  byId(button).addEventListener("click", (event) => {
    offset = to(offset);
    attempt(event.currentTarget, showWeek, "week-message");
  });
}
turn("week-before", (week) => week - 1);
turn("week-now", () => 0);
turn("week-after", (week) => week + 1);
