// The live list: cards arrive rendered; this puts each in its place, rings, and tells screen readers.

import { word } from "./base.js";
import { connect, fragment } from "./live.js";
import { ring, setUpSound } from "./sound.js";

const AGAIN_EVERY_MS = 30000; // a critical task that nobody has taken rings again
const LEAVES_AFTER_MS = 4000;
const READ_AGAIN_MS = 1000;
const NEWS = new Set(["opened", "recurred", "escalated", "expire", "unanswered"]);

const place = document.getElementById("board-place");
const title = document.title;

const group = (name) => place.querySelector(`.cards[data-group="${name}"]`);
const waiting = () => [...place.querySelectorAll('.card[data-group="waiting"]')];

/** Puts a card where it belongs: in its group, before the first that comes after it. */
function put(card) {
  const target = group(card.dataset.group);
  if (!target) return;
  const next = [...target.querySelectorAll(".card")].find(
    (other) => other !== card && other.dataset.order > card.dataset.order,
  );
  if (card.parentElement !== target || card.nextElementSibling !== (next ?? null)) {
    target.insertBefore(card, next ?? null);
  }
}

function counted() {
  for (const element of place.querySelectorAll("[data-count]")) {
    const shown = group(element.dataset.count).querySelectorAll(".card:not(.leaving)").length;
    const number = shown + Number(element.dataset.beyond ?? 0);
    element.textContent = number;
    element.toggleAttribute("data-zero", number === 0);
  }
  const open = waiting().length;
  document.title = open ? `(${open}) ${title}` : title;
}

function say(card, again) {
  const element = document.getElementById(card.dataset.severity === "critical" ? "say-critical" : "say");
  element.textContent = `${again ? place.dataset.again : place.dataset.new}: ${card.dataset.say}`;
}

/** Whether the card belongs to another tab or level than the one that is shown. */
function elsewhere(card) {
  const { tab, level } = place.dataset;
  if (card.dataset.group === "planned") return true;
  if (tab === "mine" && card.dataset.mine !== "true") return true;
  return Boolean(level) && card.dataset.level !== level;
}

let changes = 0; // cards that came by the stream or as an answer

function arrived(html) {
  changes += 1;
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const card = holder.content.firstElementChild;
  const known = document.getElementById(card.id);
  if (known && Number(known.dataset.version) > Number(card.dataset.version)) return;
  if (elsewhere(card)) {
    known?.remove();
    counted();
    return;
  }
  const again = known && card.dataset.what !== "opened";
  const told = known && !again && known.classList.contains("fresh"); // by what was read when the stream began
  const news = NEWS.has(card.dataset.what) && !told;
  if (card.dataset.group === "ended") {
    if (known) leave(known, card);
    return;
  }
  const focused = known?.contains(document.activeElement);
  if (known) known.replaceWith(card);
  put(card);
  if (news || told) card.classList.add(again ? "again" : "fresh");
  if (focused) card.querySelector("button, a")?.focus();
  window.htmx?.process(card);
  counted();
  if (news) {
    ring(card.dataset.severity);
    say(card, again);
  }
}

function leave(known, card) {
  card.classList.add("leaving");
  known.replaceWith(card);
  counted();
  setTimeout(() => {
    card.remove();
    counted();
  }, LEAVES_AFTER_MS);
}

/** Puts in their places the cards of a list that the page lacks. */
function add(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  for (const card of holder.content.querySelectorAll(".card")) {
    if (document.getElementById(card.id)) continue;
    put(card);
    window.htmx.process(card);
  }
}

async function readAll() {
  const known = changes;
  const html = await fragment(location.href);
  if (html === null) return;
  const before = new Set(waiting().map((card) => card.id));
  if (known === changes) {
    // A morph leaves what stays the same where it is: a finger on a button, the keyboard's place.
    await window.htmx.swap({ text: html, target: place, sourceElement: place, swap: "innerMorph" });
  } else { // What came meanwhile is newer than what was read; what was missed shows all the same.
    add(html);
    setTimeout(readAll, READ_AGAIN_MS);
  }
  const missed = waiting().filter((card) => !before.has(card.id));
  if (missed.length) {
    for (const card of missed) card.classList.add("fresh");
    ring(missed[0].dataset.severity);
    say(missed[0], false);
  }
  counted();
}

document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (ctx.target !== place) changes += 1;
  for (const card of place.querySelectorAll(".card")) {
    if (card.parentElement.dataset.group !== card.dataset.group) put(card);
  }
  counted();
});

setUpSound(word);
counted();
if (place.dataset.still === "true") {
  connect(place.dataset.live, {});
} else {
  // When htmx is there too: what is read anew is put in its place by it.
  document.addEventListener("DOMContentLoaded", () => connect(place.dataset.live, { task: arrived, resync: readAll }));
  setInterval(() => {
    if (waiting().some((card) => card.dataset.severity === "critical")) ring("critical");
  }, AGAIN_EVERY_MS);
}
