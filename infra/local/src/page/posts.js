// The posts of an account: the list, what can be done with each, and the look at those that are under way.

import { attempt, byId, call, confirmed, moment, now, state, tell } from "./api.js";

const PLACE = "posts-message";
/** How often a post that is under way is looked at, milliseconds. */
const EVERY = 1500;

/** States in words. */
export const STATES = {
  draft: "Draft",
  scheduled: "Scheduled",
  preparing: "Being prepared",
  ready: "Ready",
  publishing: "Being published",
  unknown: "Looked for",
  published: "Live",
  failed: "Failed",
  canceled: "Canceled",
};
export const KINDS = { image: "Picture", carousel: "Carousel", reel: "Reel", story: "Story" };

// What the step that comes next does.
const STEPS = {
  scheduled: "Instagram is asked to fetch the media",
  preparing: "it is looked whether Instagram has processed the media",
  ready: "it is published, or looked at once more an hour before",
  publishing: "it is looked what became of it",
  unknown: "it is looked whether it is live",
  published: "its link and its first comment are seen to",
};

/** The posts that the page knows of the account, by id. */
export const known = new Map();
let account = null;
let actions = null;
let next = null;
// Rises with each account and reload, so that an answer which comes too late changes nothing.
let round = 0;
let timer = null;

/** The path of the account's posts, or of one of them. */
export const path = (id) => "/instagram/accounts/" + encodeURIComponent(account.id) + "/posts" + (id ? "/" + encodeURIComponent(id) : "");
export const timeOf = (post) => post.publishAt || post.createdAt;
export const mediaOf = (post) => post.items ? post.items.map((item) => item.imageUrl || item.videoUrl) : [post.imageUrl || post.videoUrl];
export const isVideo = (address) => /\.(mp4|mov)$/i.test(address.split(/[?#]/)[0]);

/** Whether the page's policy lets it show the picture: the simulated Instagram's, or any with the real one. */
export function canShow(address) {
  if (isVideo(address)) return false;
  const instagram = state.addresses.instagram;
  return instagram ? address.startsWith(instagram + "/") : address.startsWith("https://");
}

/** Shows an account's posts. `edit` takes a post into the composer, `changed` hears of every change. */
export async function showPosts(ofAccount, { edit, changed }) {
  actions = { edit, changed };
  if (!account || account.id !== ofAccount.id) {
    known.clear();
    byId("posts").replaceChildren();
    tell("", false, PLACE);
  }
  account = ofAccount;
  await load();
}

async function load(more) {
  const mine = ++round;
  const answer = await call("GET", path() + "?limit=20" + (more ? "&cursor=" + encodeURIComponent(next) : ""));
  if (mine !== round) return;
  next = answer.nextCursor;
  learn(answer.posts);
}

/** Takes up what the API said of posts. */
export function learn(posts) {
  for (const post of posts) {
    const before = known.get(post.id);
    // An answer that comes too late knows less.
    if (!before || before.updatedAt <= post.updatedAt) known.set(post.id, post);
  }
  draw();
  actions.changed();
  look();
}

/** Brings a post before the eye. */
export function show(id) {
  const item = document.querySelector('#posts [data-post="' + CSS.escape(id) + '"]');
  item.scrollIntoView({ block: "center" });
  item.focus({ preventScroll: true });
}

// Asks for what is under way, again and again until all of it is at rest.
function look() {
  clearTimeout(timer);
  const of = account.id;
  const wait = (post) => ["preparing", "publishing"].includes(post.state) ? 0 : new Date(post.nextStepAt) - now();
  const awaited = [...known.values()].filter((post) => post.nextStepAt);
  if (awaited.length === 0) return;
  const pause = Math.min(...awaited.map(wait));
  timer = setTimeout(async () => {
    const due = awaited.filter((post) => wait(post) <= 0);
    const answers = await Promise.all(due.map((post) => attempt(null, () => call("GET", path(post.id)), PLACE)));
    if (of === account.id) learn(answers.filter(Boolean));
  }, Math.min(Math.max(pause, EVERY), 60_000));
}

// Only what has changed is made anew, so that nobody loses their place.
function draw() {
  const list = byId("posts");
  const before = new Map([...list.children].map((item) => [item.dataset.post, item]));
  const sorted = [...known.values()].sort((a, b) => (timeOf(a) < timeOf(b) ? 1 : -1));
  sorted.forEach((post, index) => {
    const source = JSON.stringify(post);
    let item = before.get(post.id);
    if (!item || item.source !== source) item = renew(item, post, source);
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] || null);
  });
  byId("no-posts").hidden = sorted.length > 0;
  byId("more-posts").hidden = !next;
}

function renew(former, post, source) {
  const item = element(post);
  item.source = source;
  if (!former) return item;
  const isOpen = former.querySelector("details").open;
  const active = former.contains(document.activeElement) ? document.activeElement.className : null;
  former.replaceWith(item);
  if (isOpen) item.querySelector("details").open = true;
  const focused = active && item.querySelector("button." + CSS.escape(active) + ":not([hidden])");
  if (focused) focused.focus();
  return item;
}

function element(post) {
  const item = byId("post").content.firstElementChild.cloneNode(true);
  const find = (selector) => item.querySelector(selector);
  const caption = post.caption || "";
  const name = KINDS[post.kind] + (caption ? " “" + [...caption].slice(0, 30).join("") + "”" : "");
  item.dataset.post = post.id;
  item.classList.add(post.state);
  fill(find(".thumbnail"), mediaOf(post)[0]);
  find("h3").textContent = KINDS[post.kind] + (post.items ? " of " + post.items.length : "");
  find(".time").textContent = post.publishAt ? moment(post.publishAt) : "no time yet";
  find(".badge").textContent = STATES[post.state] || post.state;
  find(".badge").classList.add(post.state);
  find(".caption").textContent = caption;
  find(".caption").hidden = !caption;
  find(".explanation").textContent = post.explanation;
  facts(find("dl"), post);
  const link = find(".permalink");
  link.hidden = !/^https?:/.test(post.permalink || "");
  if (!link.hidden) link.href = post.permalink;

  const details = find("details");
  details.addEventListener("toggle", () => {
    if (details.open) attempt(null, () => timeline(find("details ol"), post.id), PLACE);
  });
  const button = (selector, isShown, what, work) => {
    const element = find(selector);
    element.hidden = !isShown;
    element.setAttribute("aria-label", what + ": " + name);
    element.addEventListener("click", () => attempt(element, work, PLACE));
  };
  const isOpen = ["draft", "scheduled", "preparing", "ready", "failed"].includes(post.state);
  button(".edit", isOpen, "Change", () => actions.edit(post));
  button(".retry", ["failed", "unknown"].includes(post.state), "Try again", async () => {
    learn([await call("POST", path(post.id) + "/retry")]);
    tell("It is tried again.", false, PLACE);
  });
  button(".duplicate", true, "Duplicate", async () => {
    const copy = await call("POST", path(post.id) + "/duplicate");
    learn([copy]);
    show(copy.id);
    tell("A copy is kept as a draft.", false, PLACE);
  });
  button(".cancel", isOpen || post.state === "unknown", "Cancel", async () => {
    const text = post.state === "unknown"
      ? "It is not known whether it is live. If it is, it stays at Instagram."
      : "It will not be published. It stays in the list.";
    if (!await confirmed("Cancel this post?", text, "Cancel the post")) return;
    learn([await call("DELETE", path(post.id))]);
    tell("The post is canceled.", false, PLACE);
  });
  return item;
}

/** Fills a box with a picture, or marks it as a video. */
export function fill(box, address) {
  box.classList.toggle("video", isVideo(address));
  if (!canShow(address)) return;
  const image = document.createElement("img");
  image.alt = "";
  image.referrerPolicy = "no-referrer";
  image.addEventListener("error", () => image.remove());
  image.src = address;
  box.replaceChildren(image);
}

function facts(list, post) {
  const fact = (name, text, grade) => {
    if (!text) return;
    const row = document.createElement("div");
    const term = document.createElement("dt");
    const value = document.createElement("dd");
    term.textContent = name;
    value.textContent = text;
    if (grade) value.classList.add(grade);
    row.append(term, value);
    list.append(row);
  };
  const reason = post.waiting || post.stateReason;
  if (reason) fact("Reason", reason.code + ", since " + moment(reason.at), "warning");
  if (post.publishedAt) {
    fact("Published", moment(post.publishedAt) + (post.lateSeconds >= 60 ? ", " + Math.round(post.lateSeconds / 60) + " min late" : ""));
  }
  if (post.nextStepAt) {
    const soon = new Date(post.nextStepAt) - now() < 60_000;
    fact("Next step", (soon ? "in a moment" : moment(post.nextStepAt)) + ": " + (STEPS[post.state] || "it goes on"));
  }
  const comment = post.firstCommentStatus;
  if (comment && post.state === "published") {
    const words = { pending: "not written yet", written: "stands below the post", failed: "not written" };
    fact("First comment", words[comment.state] + (comment.failure ? ": " + comment.failure.message : ""), comment.failure && "warning");
  }
  for (const warning of post.warnings) {
    if (post.state !== "published" && post.state !== "canceled") fact("Look at", warning.sentence, "warning");
  }
}

async function timeline(list, id) {
  const answer = await call("GET", path(id) + "/timeline?limit=50");
  list.replaceChildren(...answer.entries.map((entry) => {
    const item = document.createElement("li");
    const time = document.createElement("time");
    time.dateTime = entry.at;
    time.textContent = moment(entry.at);
    const sentence = document.createElement("span");
    sentence.textContent = entry.sentence;
    item.append(time, sentence);
    return item;
  }));
}

byId("more-posts").firstElementChild.addEventListener("click", (event) => attempt(event.currentTarget, () => load(true), PLACE));
