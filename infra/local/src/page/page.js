import { attempt, byId, call, confirmed, day, loadState, moment, now, person, state, tell, turnClock } from "./api.js";
import { showPublishing } from "./publishing.js";

// Rises with each reload, so that an answer which comes too late changes nothing.
let round = 0;
let shown = [];
let next = null;
// What the cards were made from: they are made anew only when that changes, so that nobody loses their place.
let rendered = "";

async function load(more) {
  const mine = ++round;
  const who = person();
  await loadState();
  // Somebody else by now: their own load is under way.
  if (who !== person()) return;
  const cursor = more && next ? "&cursor=" + encodeURIComponent(next) : "";
  const answer = await call("GET", "/instagram/accounts?limit=50" + cursor);
  if (mine !== round) return;
  shown = cursor ? shown.concat(answer.accounts) : answer.accounts;
  next = answer.nextCursor;
  const source = JSON.stringify([shown, state.now.slice(0, 10)]);
  if (source !== rendered) byId("accounts").replaceChildren(...shown.map(card));
  rendered = source;
  byId("no-accounts").hidden = shown.length > 0;
  byId("more").hidden = !next;
  await loadCoverage(mine);
  await loadActivity(mine);
  if (mine === round) await showPublishing(shown);
}

async function loadCoverage(mine) {
  const coverage = await call("GET", "/health/coverage");
  if (mine !== round) return;
  const waiting = coverage.waiting.reduce((sum, some) => sum + some.accounts, 0);
  const parts = [coverage.scheduled + (coverage.scheduled === 1 ? " renews itself" : " renew themselves")];
  if (waiting) parts.push(waiting + (waiting === 1 ? " waits" : " wait") + " for you");
  if (coverage.unscheduled) parts.push(coverage.unscheduled + " will be planned within the hour");
  byId("coverage").textContent = "Connected: " + coverage.connected + ". " + parts.join(", ") + ".";
  byId("coverage").hidden = coverage.connected === 0;
}

const HAPPENED = {
  "account.connected": "was connected.",
  "account.disconnected": "was disconnected.",
  "account.revoked": "has removed the app on Instagram.",
  "account.deleted": "was deleted with everything that belonged to it.",
  "account.token_expired": "lost its connection: connect it again.",
  "account.token_at_risk": "could not be renewed for days, and ends soon.",
  "account.rate_limited": "is paused by Instagram.",
  "account.error": "is in trouble.",
  "account.active": "works again.",
  "account.assigned": "was assigned.",
  "post.scheduled": "has a new planned post.",
  "post.published": "has published a post.",
  "post.failed": "has a post that failed.",
  "post.unknown": "has a post of which it is being found out whether it is live.",
  "post.canceled": "has a post that was canceled.",
};

// What the bus had: a product behind EventBridge would see the same.
async function loadActivity(mine) {
  const company = new URLSearchParams(person()).get("company");
  const response = await fetch("/local/activity?company=" + encodeURIComponent(company));
  const { events } = await response.json();
  if (mine !== round) return;
  byId("activity").replaceChildren(...events.map(activity));
  byId("no-activity").hidden = events.length > 0;
}

function activity(event) {
  const item = document.createElement("li");
  const time = document.createElement("time");
  time.dateTime = event.detail.at;
  time.textContent = moment(event.detail.at);
  const text = document.createElement("span");
  const account = shown.find((some) => some.id === event.detail.accountId);
  const name = account && (account.username || account.displayName);
  const what = event["detail-type"].replace("instagram.", "");
  text.textContent = (name ? "@" + name : "An account") + " " + (HAPPENED[what] || "has news: " + what + ".");
  item.append(time, text);
  return item;
}

const STATUS = {
  active: "Active",
  token_expired: "Connect again",
  revoked: "App removed",
  disconnected: "Disconnected",
  rate_limited: "Paused by Instagram",
  error: "In trouble",
};

// What becomes of the token, in words.
function expiry(account) {
  if (!account.tokenExpiresAt || account.tokenStatus === "revoked") return { text: "none", warning: false };
  const days = Math.floor((new Date(account.tokenExpiresAt) - now()) / 86400000);
  const date = day(account.tokenExpiresAt);
  if (days < 0 || account.tokenStatus === "expired") return { text: "ended; connect again", warning: true };
  const left = days === 0 ? "today" : days === 1 ? "in 1 day" : "in " + days + " days";
  const end = days <= 10 ? "runs out " + left + ", on " + date : "good until " + date;
  if (!account.nextRefreshAt) return { text: "is not planned to be renewed, " + end, warning: true };
  const next = day(account.nextRefreshAt);
  if (account.lastTokenRefreshError) return { text: "could not be renewed, is tried again on " + next + ", " + end, warning: true };
  return { text: "renews itself on " + next + ", " + end, warning: false };
}

// Every text of Instagram's is set as text: a name with markup in it stays a name.
function card(account) {
  const element = byId("account").content.firstElementChild.cloneNode(true);
  const find = (selector) => element.querySelector(selector);
  const name = account.displayName || account.username || "Account " + account.platformAccountId;
  find("h3").textContent = name;
  find(".username").textContent = account.username ? "@" + account.username : "";
  find(".picture span").textContent = name.trim().slice(0, 1).toUpperCase();
  const picture = find("img");
  picture.addEventListener("error", () => picture.remove());
  if (/^https?:/.test(account.profilePictureUrl || "")) picture.src = account.profilePictureUrl;
  else picture.remove();
  const status = find(".status");
  status.textContent = STATUS[account.status] || account.status;
  status.classList.add(account.status);
  const reason = account.statusReason || account.error || account.lastTokenRefreshError;
  if (reason) {
    find(".reason").textContent = reason.message;
    find(".reason").hidden = false;
  }
  find(".followers").textContent = account.followerCount === null ? "–" : account.followerCount.toLocaleString();
  const token = expiry(account);
  find(".expiry").textContent = token.text;
  find(".expiry").classList.toggle("warning", token.warning);
  find(".synced").textContent = account.lastSyncAt ? moment(account.lastSyncAt) : "never";

  const path = "/instagram/accounts/" + encodeURIComponent(account.id);
  const isGone = account.status === "disconnected" || account.status === "revoked";
  const button = (selector, isShown, what, work) => {
    const element = find(selector);
    element.hidden = !isShown;
    element.setAttribute("aria-label", what + " " + name);
    element.addEventListener("click", () => attempt(element, work));
  };
  button(".sync", !isGone, "Sync", async () => {
    tell("Syncing…");
    await call("POST", path + "/sync");
    tell("Synced " + name + ".");
    await load();
  });
  button(".renew", Boolean(account.nextRefreshAt), "Renew the token of", async () => {
    tell("Renewing…");
    const renewed = await call("POST", path + "/refresh");
    tell(name + " is good until " + day(renewed.tokenExpiresAt) + ".");
    await load();
  });
  button(".again", account.status !== "active" && account.status !== "rate_limited", "Connect again:", connect);
  button(".disconnect", !isGone, "Disconnect", async () => {
    if (!await confirmed("Disconnect " + name + "?", "Its access to Instagram is removed and nothing is synced any more. Its history is kept, and you can connect it again.", "Disconnect")) return;
    await call("POST", path + "/disconnect");
    tell(name + " is disconnected.");
    await load();
  });
  button(".delete", isGone, "Delete", async () => {
    if (!await confirmed("Delete " + name + "?", "Everything that is stored about this account is erased.", "Delete")) return;
    await call("DELETE", path);
    tell(name + " is deleted.");
    await load();
  });
  return element;
}

const REFUSALS = {
  access_denied: "You canceled at Instagram, so nothing was connected.",
  already_connected_elsewhere: "This Instagram account is already connected to another workspace.",
  account_not_professional: "This is a personal account. Switch it to a business or creator account in the Instagram app, then try again.",
  missing_scope: "Without the permission to see the profile nothing can work. Try again and leave it ticked.",
  login_already_used: "This login was already finished. Start again.",
  login_expired: "This login took longer than 30 minutes. Start again.",
  login_of_another_browser: "This login was begun in another browser. Start again here.",
  invalid_state: "This login was not begun here. Start again.",
};

let watching = null;

async function connect() {
  tell("");
  byId("fallback").hidden = true;
  // Opened before anything is waited for, or the browser takes it for an unwanted window.
  const popup = window.open("about:blank", "instagram-connect", "popup,width=520,height=760");
  let answer;
  try {
    const returnTo = encodeURIComponent(location.origin + "/");
    answer = await call("GET", "/instagram/connect?display=popup&returnTo=" + returnTo);
  } catch (error) {
    if (popup) popup.close();
    throw error;
  }
  if (popup) {
    popup.location.href = answer.url;
    tell("Go on in Instagram's window.");
  } else {
    const link = byId("fallback").firstElementChild;
    link.href = answer.url;
    byId("fallback").hidden = false;
    tell("Your browser kept the window closed.");
  }
  watch(popup, answer.expiresAt);
}

// The window tells how it went. Where it cannot, the list does: it is looked at while the window is open.
function watch(popup, expiresAt) {
  clearInterval(watching);
  const before = JSON.stringify(shown.map((account) => [account.id, account.connectedAt]));
  const end = Date.now() + Math.max(0, new Date(expiresAt) - now());
  watching = setInterval(async () => {
    const isOver = (popup && popup.closed) || Date.now() > end;
    if (isOver) clearInterval(watching);
    await attempt(null, load);
    const after = JSON.stringify(shown.map((account) => [account.id, account.connectedAt]));
    if (after !== before) {
      finish({ outcome: "connected" });
    } else if (isOver && byId("message").textContent === "Go on in Instagram's window.") {
      tell("The window was closed, and nothing was connected.");
    }
  }, 3000);
}

async function finish(result) {
  clearInterval(watching);
  byId("fallback").hidden = true;
  if (result.outcome === "connected") tell("The account is connected.");
  else tell(REFUSALS[result.code] || "Instagram was not connected; the window says why.", true);
  await attempt(null, load);
}

window.addEventListener("message", (event) => {
  const origins = (state && state.messageOrigins) || [location.origin];
  if (!origins.includes(event.origin) || !event.data || event.data.type !== "instagram-connect") return;
  finish({ outcome: event.data.outcome, code: event.data.code });
});

byId("connect").addEventListener("click", (event) => attempt(event.currentTarget, connect));
byId("more").firstElementChild.addEventListener("click", (event) => attempt(event.currentTarget, () => load(true)));
byId("person").addEventListener("change", () => {
  shown = [];
  next = null;
  tell("");
  attempt(null, load);
});
for (const button of document.querySelectorAll("[data-advance]")) {
  button.addEventListener("click", () => attempt(button, async () => {
    tell("Time passes…");
    const turned = await turnClock(button.dataset.advance);
    tell("Time has passed: " + turned.schedulesFired + " schedules fired, " + turned.tasksDelivered + " tasks were done.");
    await load();
  }));
}

// Where a login ended with a redirect instead of a window.
const arrived = new URLSearchParams(location.search);
if (arrived.has("instagram")) {
  history.replaceState(null, "", "/");
  finish({ outcome: arrived.get("instagram"), code: arrived.get("code") });
} else {
  attempt(null, load);
}
