// The composer: what a new post shows and when, how it will look, and what the preflight finds.

import { Refusal, attempt, byId, call, moment, now, state, tell } from "./api.js";
import { count } from "./caption.js";
import { canShow, fill, isVideo, learn, mediaOf, path, show } from "./posts.js";

const PLACE = "composer-message";
const REFUSED = "It cannot be published like this:";
const form = byId("composer");
const fields = form.elements;

// What the simulated Instagram serves under /_sim/media/, and the kinds for which it is offered.
const SAMPLES = [
  { name: "square.jpg", text: "Square", kinds: ["image", "carousel", "story"] },
  { name: "portrait.jpg", text: "Portrait", kinds: ["image", "carousel", "story"] },
  { name: "wide.jpg", text: "Landscape", kinds: ["image", "carousel"] },
  { name: "tall-story.jpg", text: "Tall", kinds: ["story"] },
  { name: "reel.mp4", text: "Video, 10 s", kinds: ["carousel", "reel", "story"] },
  { name: "landscape.mp4", text: "Wide video, 30 s", kinds: ["carousel", "reel", "story"] },
  { name: "banner.jpg", text: "Too wide", kinds: ["image", "carousel"] },
  { name: "picture.png", text: "Broken: a PNG", kinds: ["image", "carousel", "story"] },
  { name: "one-second.mp4", text: "Broken: 1 s", kinds: ["reel", "story"] },
];
// Members of a post that the composer writes; those that a change leaves out are taken back.
const MEMBERS = ["imageUrl", "videoUrl", "items", "caption", "firstComment"];

let account = null;
// The post that is being changed; `null` for a new one.
let changing = null;
// A creation that has no answer yet: sent again, it must not make a second post.
let unanswered = { body: "", key: "" };

/** Shows the composer for an account. */
export function showComposer(ofAccount, name) {
  if (account && account.id !== ofAccount.id) begin();
  account = ofAccount;
  byId("preview-name").textContent = name;
  const picture = byId("preview-picture");
  picture.hidden = !/^https?:/.test(account.profilePictureUrl || "");
  if (!picture.hidden && picture.src !== account.profilePictureUrl) picture.src = account.profilePictureUrl;
  if (!fields.time.value) fields.time.value = ofInput(new Date(Math.ceil(now() / 3600000) * 3600000));
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  byId("zone").textContent = "In your time zone, " + zone + ". It is " + moment(now()) + " by the stack's clock.";
  drawKind();
}

/** Takes a post into the composer, to change it. */
export function edit(post) {
  begin();
  changing = post;
  fields.kind.value = post.kind;
  fields.kind.disabled = true;
  fields.media.value = mediaOf(post).join("\n");
  fields.caption.value = post.caption || "";
  fields.firstComment.value = post.firstComment || "";
  fields.draft.checked = post.state === "draft";
  if (new Date(post.publishAt) > now()) {
    fields.when.value = "time";
    fields.time.value = ofInput(new Date(post.publishAt));
  }
  drawKind();
  form.scrollIntoView({ block: "start" });
  fields.media.focus({ preventScroll: true });
}

// An empty form, whose kind and time stay.
function begin() {
  changing = null;
  fields.kind.disabled = false;
  for (const name of ["media", "caption", "firstComment"]) fields[name].value = "";
  fields.draft.checked = false;
  fields.when.value = "now";
  showFindings([]);
  tell("", false, PLACE);
  drawKind();
}

/** The browser's own time as a `datetime-local` field has it. */
const ofInput = (date) => new Date(date - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);

/** A field's time with the offset that the browser's time zone has at that time (RFC 3339). */
export function withOffset(local) {
  const minutes = -new Date(local).getTimezoneOffset();
  const two = (number) => String(number).padStart(2, "0");
  const size = Math.abs(minutes);
  const offset = (minutes < 0 ? "-" : "+") + two(Math.floor(size / 60)) + ":" + two(size % 60);
  return local + (local.length === 16 ? ":00" : "") + offset;
}

const addresses = () => fields.media.value.split("\n").map((line) => line.trim()).filter(Boolean);

function content() {
  const kind = fields.kind.value;
  const all = addresses();
  if (all.length === 0) throw new Refusal("Give the address of a media, or choose a sample.");
  if (kind !== "carousel" && all.length > 1) throw new Refusal("Only a carousel shows several: leave one address.");
  const words = { caption: fields.caption.value || undefined, firstComment: fields.firstComment.value || undefined };
  if (kind === "carousel") return { kind, items: all.map(item), ...words };
  const media = kind === "reel" || (kind === "story" && isVideo(all[0])) ? { videoUrl: all[0] } : { imageUrl: all[0] };
  return kind === "story" ? { kind, ...media } : { kind, ...media, ...words };
}

// What else an item had, such as its alternative text, stays.
function item(address) {
  const former = changing && changing.items && changing.items.find((some) => (some.imageUrl || some.videoUrl) === address);
  return former || (isVideo(address) ? { videoUrl: address } : { imageUrl: address });
}

function plan() {
  if (fields.when.value === "now") return fields.draft.checked ? {} : { publishAt: "now" };
  if (!fields.time.value) throw new Refusal("Choose a day and a time.");
  return { publishAt: withOffset(fields.time.value) };
}

async function send() {
  showFindings([]);
  for (const place of [PLACE, "posts-message"]) tell("", false, place);
  const body = { ...content(), ...plan(), draft: fields.draft.checked };
  let post;
  try {
    post = changing ? await change(body) : await create(body);
  } catch (error) {
    if (!(error instanceof Refusal) || error.findings.length === 0) throw error;
    showFindings(error.findings);
    throw new Refusal(REFUSED);
  }
  begin();
  learn([post]);
  show(post.id);
  const isDraft = post.state === "draft";
  tell(isDraft ? "Kept as a draft." : body.publishAt === "now" ? "It is on its way." : "Scheduled for " + moment(post.publishAt) + ".", false, PLACE);
}

function change(body) {
  const empty = Object.fromEntries(MEMBERS.map((name) => [name, null]));
  // A post keeps its kind.
  const { kind: _, ...members } = JSON.parse(JSON.stringify(body));
  return call("PATCH", path(changing.id), { ...empty, ...members });
}

async function create(body) {
  const source = path() + JSON.stringify(body);
  if (unanswered.body !== source) unanswered = { body: source, key: crypto.randomUUID() };
  try {
    const post = await call("POST", path(), body, unanswered.key);
    unanswered = { body: "", key: "" };
    return post;
  } catch (error) {
    if (error instanceof Refusal) unanswered = { body: "", key: "" };
    throw error;
  }
}

async function preflight() {
  showFindings([]);
  tell("Looking…", false, PLACE);
  const { publishAt } = plan();
  const answer = await call("POST", path("preflight"), { ...content(), publishAt });
  showFindings(answer.findings);
  const may = answer.findings.length === 0 ? "Nothing stands in the way." : "It can be published; look at this:";
  tell(answer.canBePublished ? may : REFUSED, !answer.canBePublished, PLACE);
}

function showFindings(findings) {
  byId("findings").replaceChildren(...findings.map((finding) => {
    const item = document.createElement("li");
    const grade = document.createElement("strong");
    const sentence = document.createElement("span");
    const member = document.createElement("code");
    item.className = finding.isBlocking ? "bad" : "warning";
    grade.textContent = finding.isBlocking ? "Must change" : "May fail";
    sentence.textContent = finding.sentence;
    member.textContent = finding.member;
    item.append(grade, sentence, member);
    return item;
  }));
}

function drawKind() {
  const kind = fields.kind.value;
  const origin = state && state.addresses.instagram;
  byId("media-label").textContent = kind === "carousel" ? "Addresses of 2 to 10 pictures and videos, one on each line" : "Address of the " +
    (kind === "reel" ? "video" : kind === "story" ? "picture or video" : "picture");
  fields.media.rows = kind === "carousel" ? 4 : 2;
  byId("words").hidden = kind === "story";
  byId("samples").hidden = !origin;
  const offered = origin ? SAMPLES.filter((sample) => sample.kinds.includes(kind)) : [];
  byId("samples").lastElementChild.replaceChildren(...offered.map((sample) => sampleButton(sample, origin + "/_sim/media/" + sample.name)));
  drawWhen();
  drawCaption();
  drawMedia();
}

function sampleButton(sample, address) {
  const button = document.createElement("button");
  const box = document.createElement("span");
  box.className = "thumbnail";
  box.setAttribute("aria-hidden", "true");
  fill(box, address);
  button.type = "button";
  button.append(box, sample.text);
  button.addEventListener("click", () => {
    const former = fields.kind.value === "carousel" ? addresses() : [];
    fields.media.value = [...former, address].join("\n");
    drawMedia();
  });
  return button;
}

function drawWhen() {
  fields.time.disabled = fields.when.value === "now";
  const isNow = fields.when.value === "now";
  byId("send").textContent = fields.draft.checked ? "Keep as a draft" : isNow ? "Publish now" : "Schedule";
  byId("composer-title").textContent = changing ? "Change a post" : "New post";
  byId("leave").hidden = !changing;
}

function drawCaption() {
  const { sentence, grade } = count(fields.caption.value);
  byId("caption-count").textContent = sentence;
  byId("caption-count").className = "quiet " + grade;
  const isStory = fields.kind.value === "story";
  byId("preview-caption").textContent = isStory ? "" : fields.caption.value;
  byId("preview-comment").textContent = isStory || !fields.firstComment.value ? "" : "First comment: " + fields.firstComment.value;
}

function drawMedia() {
  const all = addresses();
  const frame = byId("preview-media");
  frame.className = fields.kind.value;
  frame.replaceChildren(...all.slice(0, 10).map((address) => {
    const box = document.createElement("span");
    box.className = "thumbnail";
    fill(box, address);
    return box;
  }));
  const unseen = all.filter((address) => !canShow(address) && !isVideo(address)).length;
  byId("preview-note").textContent = all.length === 0 ? "The preview shows what you choose."
    : unseen ? "Pictures of other servers are not shown here." : all.some(isVideo) ? "Videos are not played here." : "";
}

byId("preview-picture").addEventListener("error", (event) => { event.currentTarget.hidden = true; });
form.addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(byId("send"), send, PLACE);
});
byId("preflight").addEventListener("click", (event) => attempt(event.currentTarget, preflight, PLACE));
byId("leave").addEventListener("click", begin);
fields.kind.addEventListener("change", drawKind);
fields.media.addEventListener("change", drawMedia);
for (const name of ["caption", "firstComment"]) fields[name].addEventListener("input", drawCaption);
for (const field of [...fields.when, fields.draft]) field.addEventListener("change", drawWhen);
