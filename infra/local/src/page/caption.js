// Counts a caption as the preflight does: functions/publish/src/preflight/text.rs says why so.

const MOST_CHARACTERS = 2200;
const MOST_HASHTAGS = 30;
const MOST_MENTIONS = 20;

const isOfWord = (letter) => /[\p{Alphabetic}\p{N}_]/u.test(letter);
const isEmoji = (letter) => /[\u{2600}-\u{27BF}\u{2B00}-\u{2BFF}\u{1F000}-\u{1FAFF}]/u.test(letter);
const endsMark = (letter) => /[!-/:-@[-`{-~]/.test(letter) && letter !== "_" && letter !== ".";
const isAddress = (word) => word.includes("://") || word.startsWith("www.");

export const hashtags = (text) => marks(text, "#＃", (letter) => isOfWord(letter) || isEmoji(letter));
export const mentions = (text) => marks(text, "@＠", (letter) => /[A-Za-z0-9._]/.test(letter));

function marks(text, signs, begins) {
  let number = 0;
  for (const word of text.split(/\p{White_Space}+/u).filter((word) => !isAddress(word))) {
    const letters = [...word];
    let isInMark = false;
    letters.forEach((letter, index) => {
      if (signs.includes(letter)) {
        const isInWord = index > 0 && isOfWord(letters[index - 1]) && !isInMark;
        isInMark = !isInWord && index + 1 < letters.length && begins(letters[index + 1]);
        number += Number(isInMark);
      } else if (endsMark(letter)) {
        isInMark = false;
      }
    });
  }
  return number;
}

/** The counts as a sentence, and whether Instagram refuses (`bad`) or may refuse (`warning`) the caption. */
export function count(text) {
  // Code points; `length` counts UTF-16.
  const found = [[...text].length, hashtags(text), mentions(text)];
  const most = [MOST_CHARACTERS, MOST_HASHTAGS, MOST_MENTIONS];
  const names = ["characters", "hashtags", "mentions"];
  const sentence = names.map((name, index) => found[index] + " of " + most[index] + " " + name).join(" · ");
  if (found.some((number, index) => number > most[index])) return { sentence, grade: "bad" };
  if (text.length > MOST_CHARACTERS) {
    return { sentence: sentence + " · perhaps too long: Instagram may count an emoji as two", grade: "warning" };
  }
  return { sentence, grade: "" };
}
