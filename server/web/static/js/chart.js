// Readings over time: one picture a point, under each other on the same span, in the page's own colours.

import { option, wordsOf } from "./track.js";

/** Draws {start, end, marks, tracks} into `element`; returns the pictures. */
function draw(element, content, markName) {
  return content.tracks.map((track, index) => {
    const figure = document.createElement("figure");
    const place = document.createElement("div");
    figure.className = "track";
    place.className = `track-${track.picture}`;
    place.role = "img";
    place.ariaLabel = wordsOf(track);
    figure.append(caption(track, index === 0 && content.marks.length ? markName : ""), place);
    element.append(figure);
    return { track, place };
  }).map(({ track, place }, index, all) => {
    const chart = window.echarts.init(place, null, { renderer: "canvas" });
    const paint = () => chart.setOption(
      option(track, content, { width: place.clientWidth, times: index === all.length - 1 }),
      true,
    );
    paint();
    const watch = new ResizeObserver(() => {
      chart.resize();
      paint();
    });
    watch.observe(place);
    return { dispose: () => { watch.disconnect(); chart.dispose(); } };
  });
}

/** What is drawn, its unit, and what its colours mean. */
function caption(track, markName) {
  const element = document.createElement("figcaption");
  const name = document.createElement("b");
  name.textContent = track.place ? `${track.place} · ${track.name}` : track.name;
  if (track.unit) {
    const unit = document.createElement("i");
    unit.textContent = track.unit;
    name.append(unit);
  }
  element.append(name);
  const chip = (text, tone) => {
    const value = document.createElement("span");
    value.className = `track-value ${tone}`;
    value.textContent = text;
    element.append(value);
  };
  if (markName) chip(markName, "track-event");
  for (const value of track.values) chip(value.name, `tone-${value.tone}`);
  for (const [limit, rule] of track.limits) chip(`${rule} ${limit} ${track.unit}`.trim(), "track-limit");
  return element;
}

/** Fetches and draws; shows words where there is nothing to draw. Draws again when the colours change. */
export async function chartAt(element) {
  let drawn = [];
  let before = "";
  async function fill(force) {
    try {
      const answer = await fetch(element.dataset.url, { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const text = await answer.text();
      if (text === before && force !== true) return;
      const content = JSON.parse(text);
      before = text;
      clear();
      if (content.said || !content.tracks.length) wordsInstead(content.said || element.dataset.empty);
      else drawn = draw(element, content, element.dataset.event);
    } catch {
      if (!drawn.length) wordsInstead(element.dataset.failed);
    }
  }
  function clear() {
    for (const each of drawn) each.dispose();
    drawn = [];
    element.classList.remove("words");
    element.textContent = "";
  }
  function wordsInstead(text) {
    clear();
    element.classList.add("words");
    if (element.dataset.name) {
      const name = document.createElement("b");
      name.textContent = element.dataset.name;
      element.append(name);
    }
    element.append(document.createTextNode(text));
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => fill(true));
  await fill();
  return fill;
}
