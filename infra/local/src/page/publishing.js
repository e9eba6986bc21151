// The part of the page that publishes: one account at a time, with composer, posts and calendar.

import { attempt, byId } from "./api.js";
import { edit, showComposer } from "./composer.js";
import { showPosts } from "./posts.js";
import { draw, showWeek } from "./week.js";

const picker = byId("publish-as");
let accounts = [];

const nameOf = (account) => account.username ? "@" + account.username : account.displayName || account.platformAccountId;

/** Shows it for these accounts; where the one that was chosen is among them, it stays. */
export async function showPublishing(all) {
  accounts = all;
  const chosen = picker.value;
  picker.replaceChildren(...all.map((account) => new Option(nameOf(account), account.id)));
  if (all.some((account) => account.id === chosen)) picker.value = chosen;
  byId("publishing").hidden = all.length === 0;
  if (all.length > 0) await showChosen();
}

async function showChosen() {
  const account = accounts.find((some) => some.id === picker.value);
  showComposer(account, nameOf(account));
  await showPosts(account, { edit, changed: draw });
  await showWeek();
}

picker.addEventListener("change", () => attempt(null, showChosen, "posts-message"));
