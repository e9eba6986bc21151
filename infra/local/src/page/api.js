// What every part of the page needs: calls of the API, the stack's clock, and a place to say how it went.

// Tokens stay in memory, by person: a page that is loaded again asks for others.
const tokens = new Map();
let ahead = 0;

/** What the local stack says of itself: addresses and time. `null` until it was asked. */
export let state = null;

export const byId = (id) => document.getElementById(id);

/** A refusal, with what a preflight found where the API says so. */
export class Refusal extends Error {
  constructor(sentence, findings = []) {
    super(sentence);
    this.findings = findings;
  }
}

/** Who uses the page, as the query of a token. */
export const person = () => String(new URLSearchParams(new FormData(byId("person"))));

async function tokenOf(who) {
  if (!tokens.has(who)) {
    const response = await fetch("/local/token?" + who);
    const answer = await response.json();
    if (!response.ok) throw new Refusal(answer.detail);
    tokens.set(who, answer.token);
  }
  return tokens.get(who);
}

/** Calls the API as the person who uses the page. `key` is an `Idempotency-Key`. */
export async function call(method, path, body, key) {
  const who = person();
  for (let tries = 1; ; tries++) {
    const headers = { authorization: "Bearer " + await tokenOf(who) };
    if (body) headers["content-type"] = "application/json";
    if (key) headers["idempotency-key"] = key;
    const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
    if (response.status === 401 && tries === 1) {
      // It lasts an hour, by the stack's clock.
      tokens.delete(who);
      continue;
    }
    if (response.status === 204) return null;
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    throw new Refusal(answer.detail || answer.message || "The answer was " + response.status + ".", answer.findings);
  }
}

/** Says something in one of the page's status lines. */
export function tell(text, isBad, place = "message") {
  const message = byId(place);
  message.textContent = text;
  message.classList.toggle("bad", Boolean(isBad));
}

// What goes wrong is said where the eye is, and never in a box that must be clicked away.
export async function attempt(button, work, place) {
  if (button) button.disabled = true;
  try {
    return await work();
  } catch (error) {
    const isKnown = error instanceof Refusal;
    tell(isKnown ? error.message : "The local stack does not answer. Is it still running?", true, place);
    return undefined;
  } finally {
    if (button) button.disabled = false;
  }
}

/** The present moment by the stack's clock, which runs on and can be turned. */
export const now = () => new Date(Date.now() + ahead);
export const day = (text) => new Date(text).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });
export const moment = (text) => new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

export async function loadState() {
  const response = await fetch("/local/state");
  state = await response.json();
  ahead = new Date(state.now) - Date.now();
  byId("now").textContent = moment(state.now);
  byId("now").dateTime = state.now;
  const link = byId("instagram");
  link.hidden = !state.addresses.instagram;
  if (state.addresses.instagram) link.href = state.addresses.instagram + "/_sim/";
}

/** Turns the stack's clock. */
export async function turnClock(advance) {
  const response = await fetch("/local/clock", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ advance }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Refusal(answer.detail);
  tokens.clear();
  return answer;
}

/** Asks a question that is answered with yes or no. */
export function confirmed(title, text, yes) {
  const dialog = byId("confirm");
  dialog.querySelector("h2").textContent = title;
  dialog.querySelector("p").textContent = text;
  dialog.querySelector("[value=yes]").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
