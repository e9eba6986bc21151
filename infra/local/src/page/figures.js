import { attempt, byId, call, day, loadState, now, person, tell } from "./api.js";

// Rises with each load, so that an answer which comes too late changes nothing.
let round = 0;
let next = null;
const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const SHOWN = ["followers", "reach", "views", "total_interactions"];
const TITLES = {
  followers: "Followers", reach: "Reach", views: "Views", total_interactions: "Interactions", follows: "New followers",
};
const number = (value) => value === null || value === undefined ? "–" : value.toLocaleString("en-US");

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

const chosen = () => byId("account").value;
const base = () => "/instagram/accounts/" + chosen();

/** `since` and `until` of the last days before today, by the stack's clock. */
function span() {
  const at = (daysAgo) => new Date(now().getTime() - daysAgo * 86400e3).toISOString().slice(0, 10);
  return `since=${at(Number(byId("days").value))}&until=${at(1)}`;
}

async function loadAccounts() {
  await loadState();
  const { accounts } = await call("GET", "/instagram/accounts?limit=100");
  const before = chosen() || location.hash.slice(1);
  byId("account").replaceChildren(...accounts.map((account) => {
    const option = element("option", account.username ? "@" + account.username : account.id);
    option.value = account.id;
    return option;
  }));
  if (accounts.some((account) => account.id === before)) byId("account").value = before;
  byId("no-account").hidden = accounts.length > 0;
  byId("figures").hidden = accounts.length === 0;
  if (accounts.length) await load();
}

async function load() {
  const mine = ++round;
  location.hash = chosen();
  const days = span();
  for (const id of ["totals", "charts", "times", "based-on", "audience", "top", "engagement", "media"]) byId(id).replaceChildren();
  showMore(null);
  // Each by itself: where Instagram takes no calls, what is stored is shown all the same.
  const parts = [
    [`/analytics?accountId=${chosen()}&${days}`, ({ totals }) => showTotals(totals)],
    [`${base()}/insights?metrics=${SHOWN.join()}&${days}`, ({ series }) => showSeries(series)],
    [`${base()}/best-times?${days}`, showTimes],
    [`${base()}/top-media?limit=5&${days}`, showTop],
    [`${base()}/media?limit=24`, ({ media, nextCursor }) => {
      byId("media").replaceChildren(...media.map(tile));
      showMore(nextCursor);
    }],
    [`${base()}/demographics`, ({ breakdowns }) => showAudience(breakdowns)],
  ];
  const shown = await Promise.allSettled(parts.map(async ([path, show]) => {
    const answer = await call("GET", path);
    if (mine === round) show(answer);
  }));
  const failed = shown.find(({ status }) => status === "rejected");
  if (failed && mine === round) throw failed.reason;
}

function showTotals(totals) {
  byId("totals").replaceChildren(...[...SHOWN, "follows"].map((metric) => {
    const tile = element("div");
    tile.dataset.metric = metric;
    const { value, change } = totals[metric];
    const told = change === null ? "no days before" : (change < 0 ? "" : "+") + (change * 100).toFixed(1) + " %";
    tile.append(element("dt", TITLES[metric]), element("dd", number(value)), element("dd", told, "change"));
    return tile;
  }));
}

function showSeries(series) {
  const charts = byId("charts");
  charts.replaceChildren();
  const ink = getComputedStyle(document.body).getPropertyValue("--soft");
  const accent = getComputedStyle(document.body).getPropertyValue("--accent");
  for (const { metric, points } of series) {
    const place = element("div", undefined, "chart");
    place.dataset.metric = metric;
    charts.append(place);
    const times = points.map((point) => Date.parse(point.start + "T12:00:00Z") / 1000);
    const axis = { stroke: ink, grid: { stroke: ink + "33", width: 1 } };
    new uPlot({
      title: TITLES[metric],
      width: Math.max(240, place.clientWidth - 24),
      height: 220,
      legend: { show: false },
      series: [{}, { stroke: accent, width: 2, spanGaps: false }],
      axes: [axis, { ...axis, size: 64 }],
    }, [times, points.map((point) => point.value)], place);
    place.append(element("p", summary(metric, points), "quiet"));
  }
}

// Followers are a level, and the others are sums of days.
function summary(metric, points) {
  const known = points.map((point) => point.value).filter((value) => value !== null);
  if (!known.length) return "Nothing is known of these days.";
  if (metric === "followers") return `From ${number(known[0])} to ${number(known.at(-1))}.`;
  return `Together ${number(known.reduce((all, value) => all + value, 0))}.`;
}

// A heat map: the better an hour, the stronger its color; the number says on how many posts that is based.
function showTimes({ slots, basedOn }) {
  const head = element("tr");
  head.append(element("th"), ...Array.from({ length: 24 }, (_, hour) => element("th", hour)));
  const rows = WEEKDAYS.map((name, index) => {
    const row = element("tr");
    row.append(element("th", name));
    for (let hour = 0; hour < 24; hour++) {
      const slot = slots.find((one) => one.weekday === index + 1 && one.hour === hour);
      const cell = element("td", slot ? slot.posts : "");
      if (slot) {
        cell.dataset.heat = slot.score >= 1.5 ? 4 : slot.score >= 1.1 ? 3 : slot.score >= 0.8 ? 2 : 1;
        cell.title = `${slot.posts} posts, ${slot.meanInteractions} interactions each, ${slot.score} times the usual`;
      }
      row.append(cell);
    }
    return row;
  });
  byId("times").replaceChildren(head, ...rows);
  byId("based-on").textContent = `Based on ${basedOn} posts of these days. Hours are UTC; each number is how many posts.`;
}

function showAudience(breakdowns) {
  const groups = Object.entries(breakdowns).map(([name, parts]) => {
    const box = element("section");
    box.append(element("h3", name[0].toUpperCase() + name.slice(1)));
    const most = Math.max(...parts.map((part) => part.people));
    for (const part of parts.slice(0, 7)) {
      const label = element("label", `${part.value}: ${number(part.people)}`);
      const meter = element("meter");
      meter.max = most;
      meter.value = part.people;
      label.append(meter);
      box.append(label);
    }
    return box;
  });
  byId("audience").replaceChildren(...(groups.length ? groups : [element("p", "Instagram tells nothing of fewer than 100 followers.", "quiet")]));
}

function showTop({ media, meanEngagementRate: rate }) {
  byId("top").replaceChildren(...media.map(best));
  byId("engagement").textContent = rate === undefined
    ? "Nothing is known of the last posts' engagement."
    : `Engagement rate of the last 30 posts: ${(rate * 100).toFixed(2)} %.`;
}

function best(media) {
  const item = element("li");
  const link = element("a", (media.caption || media.kind).slice(0, 80));
  if (media.permalink) link.href = media.permalink;
  link.target = "_blank";
  link.rel = "noopener";
  item.append(link, ` ${number(media.value)} interactions, ${day(media.publishedAt)}`);
  return item;
}

function tile(media) {
  const item = element("li");
  const address = media.thumbnailUrl || media.mediaUrl;
  if (address) {
    const image = element("img");
    image.src = address;
    image.alt = media.altText || media.caption || media.kind;
    image.loading = "lazy";
    item.append(image);
  } else {
    item.append(element("div", "Instagram withholds it", "withheld"));
  }
  const counts = [];
  if (media.likeCount !== undefined) counts.push(number(media.likeCount) + " likes");
  if (media.commentsCount !== undefined) counts.push(number(media.commentsCount) + " comments");
  item.append(element("p", counts.join(", ") || "counts are hidden"), element("p", `${media.kind}, ${day(media.publishedAt)}`, "quiet"));
  item.dataset.id = media.id;
  return item;
}

function showMore(cursor) {
  next = cursor;
  byId("more").hidden = !cursor;
}

byId("more").querySelector("button").addEventListener("click", (event) => attempt(event.target, async () => {
  const page = await call("GET", `${base()}/media?limit=24&cursor=${encodeURIComponent(next)}`);
  byId("media").append(...page.media.map(tile));
  showMore(page.nextCursor);
}));
byId("sync").addEventListener("click", (event) => attempt(event.target, async () => {
  await call("POST", `${base()}/sync`);
  tell("Media and figures are being read. The sync log says when that is done.");
  await load();
}));
byId("account").addEventListener("change", () => attempt(null, load));
byId("days").addEventListener("change", () => attempt(null, load));
byId("person").addEventListener("change", () => attempt(null, loadAccounts));
attempt(null, loadAccounts);
