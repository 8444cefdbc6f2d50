// One point's picture as ECharts options: a line with its limits, bands of states, or marks of events.

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const time = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", ...options });
const clock = time();
const exact = time({ second: "2-digit" });
const LETTER = 13; // the width of a Chinese letter at the size of the labels, in pixels
const FINE_MS = 10 * 60000; // shorter spans have seconds on their axis
const SAMPLES = 240; // places where a band answers to the pointer
const LEAST_SPAN = 0.05; // of a line's size: what it is drawn over at least
const NAMED_MARKS = 12; // more labels than this lie on each other

/** The options for a track; `times`: with the axis of times. */
export function option(track, content, { width, times }) {
  const ink = token("--ink-3");
  const rule = token("--line");
  const bottom = times ? 22 : 1;
  const { series, yAxis } = PICTURES[track.picture](track, content, { width, ink, rule });
  const fine = content.end - content.start < FINE_MS;
  const edge = ((fine ? 32 : 20) * (content.end - content.start)) / width; // a label nearer to it would be cut
  const said = (value) => (value - content.start < edge || content.end - value < edge ? "" : (fine ? exact : clock).format(value));
  return {
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: ink },
    // Pictures under each other must keep the same edges, so that their times stand below each other.
    grid: { left: 1, right: 1, top: track.picture === "line" ? 19 : 1, bottom, outerBoundsMode: "none" },
    tooltip: {
      trigger: "axis",
      renderMode: "richText", // the other mode writes inline styles, which the page's policy refuses
      confine: true,
      backgroundColor: token("--card"),
      borderColor: token("--line-strong"),
      borderWidth: 1,
      padding: [6, 9],
      textStyle: { color: token("--ink"), fontSize: 13 },
      axisPointer: { lineStyle: { color: token("--line-strong") } },
      position: track.picture === "line" ? undefined : (point, _, __, ___, size) => [Math.min(point[0] + 12, Math.max(0, size.viewSize[0] - size.contentSize[0])), 0],
      formatter: (items) => toldAt(track, items),
    },
    xAxis: {
      type: "time",
      min: content.start,
      max: content.end,
      axisLabel: { show: times, color: ink, hideOverlap: true, formatter: said },
      axisLine: { show: track.picture === "line", lineStyle: { color: rule } },
      axisTick: { show: times, lineStyle: { color: rule } },
      splitLine: { show: false },
      splitNumber: Math.max(2, Math.floor(width / 110)),
    },
    yAxis,
    series: [...series, event(content.marks)],
  };
}

/** The track in words, for those who hear the page. */
export function wordsOf(track) {
  if (track.picture === "line") {
    const values = track.points.map((point) => point[1]);
    return `${track.name}: ${round(Math.min(...values))} – ${round(Math.max(...values))} ${track.unit}`;
  }
  return `${track.name}: ${track.points.slice(-12).map((point) => `${exact.format(point[0])} ${track.values[point.at(-1)].name}`).join(", ")}`;
}

const PICTURES = { line, bands, marks };

function line(track, content, { ink, rule }) {
  const brand = token("--brand");
  const spread = track.points.some((point) => point[3] > point[2]);
  const quiet = { type: "line", silent: true, symbol: "none", lineStyle: { opacity: 0 } };
  const series = [{
    type: "line",
    color: brand,
    showSymbol: track.points.length < 30,
    symbol: "circle",
    symbolSize: 6,
    lineStyle: { width: 2 },
    data: track.points.map((point) => [point[0], point[1]]),
    markLine: {
      silent: true,
      symbol: ["none", "none"],
      lineStyle: { color: token("--major"), width: 1.5, type: "dashed" },
      label: { position: "insideEndTop", color: token("--major"), fontSize: 12, formatter: (mark) => round(mark.value) },
      data: track.limits.map(([value]) => ({ yAxis: value })),
    },
  }];
  // The least and most of each step, so that no peak hides in a mean.
  if (spread) {
    series.push(
      { ...quiet, stack: "spread", stackStrategy: "all", data: track.points.map((point) => [point[0], point[2]]) },
      { ...quiet, stack: "spread", stackStrategy: "all", areaStyle: { color: brand, opacity: 0.16 }, data: track.points.map((point) => [point[0], point[3] - point[2]]) },
    );
  }
  // The limits belong into the picture, however far the values stay from them; noise does not fill it.
  const least = Math.min(...track.points.map((point) => point[2]));
  const most = Math.max(...track.points.map((point) => point[3]));
  const room = Math.max(0, LEAST_SPAN * Math.max(Math.abs(least), Math.abs(most)) - (most - least)) / 2;
  const shown = [least - room, most + room, ...track.limits.map(([value]) => value)];
  series.push({ ...quiet, data: shown.map((value) => [content.start, value]) });
  return {
    series,
    yAxis: {
      type: "value",
      scale: true,
      splitNumber: 3,
      axisLabel: { inside: true, margin: 2, verticalAlign: "bottom", padding: [0, 0, 2, 0], color: ink, fontSize: 12, showMinLabel: false },
      splitLine: { lineStyle: { color: rule } },
      z: 3,
    },
  };
}

function bands(track, content, { width }) {
  const perMs = width / (content.end - content.start);
  const areas = track.points.map(([from, to, which]) => {
    const value = track.values[which];
    const fits = (Math.min(to, content.end) - Math.max(from, content.start)) * perMs > lengthOf(value.name) + 10;
    return [
      {
        xAxis: Math.max(from, content.start),
        yAxis: 0,
        itemStyle: { color: toneOf(value.tone) },
        label: { show: fits, formatter: value.name, position: "inside", color: inkOn(value.tone), fontSize: 12.5, fontWeight: 600 },
      },
      { xAxis: to, yAxis: 1 },
    ];
  });
  const step = (content.end - content.start) / SAMPLES;
  const samples = Array.from({ length: SAMPLES + 1 }, (_, n) => [content.start + n * step, 0.5]);
  return {
    series: [{
      type: "line",
      symbol: "none",
      lineStyle: { opacity: 0 },
      data: samples,
      markArea: { silent: true, itemStyle: { borderColor: token("--card"), borderWidth: 1 }, data: areas },
    }],
    yAxis: { type: "value", min: 0, max: 1, show: false },
  };
}

function marks(track, content) {
  const named = track.points.length <= NAMED_MARKS;
  return {
    series: [
      { type: "line", silent: true, symbol: "none", lineStyle: { color: token("--line-strong"), width: 2 }, data: [[content.start, 0.5], [content.end, 0.5]] },
      {
        type: "scatter",
        symbol: "circle",
        symbolSize: 14,
        data: track.points.map(([at, which]) => {
          const value = track.values[which];
          const late = at > (content.start + content.end) / 2;
          return {
            value: [at, 0.5],
            itemStyle: { color: toneOf(value.tone), borderColor: token("--card"), borderWidth: 2 },
            label: { show: named, formatter: value.name, position: late ? "left" : "right", color: token("--ink"), fontSize: 12.5, fontWeight: 600, textBorderColor: token("--card"), textBorderWidth: 3 },
          };
        }),
        labelLayout: { hideOverlap: true },
      },
    ],
    yAxis: { type: "value", min: 0, max: 1, show: false },
  };
}

/** The event itself: a line across the picture. */
function event(times) {
  return {
    type: "line",
    silent: true,
    data: [],
    markLine: {
      silent: true,
      symbol: ["none", "none"],
      lineStyle: { color: token("--critical"), width: 2, type: "solid" },
      label: { show: false },
      data: times.map((at) => ({ xAxis: at })),
    },
  };
}

/** What the picture says at the pointer. */
function toldAt(track, items) {
  const at = items[0].axisValue;
  if (track.picture === "line") {
    const item = items.find((each) => each.seriesIndex === 0);
    if (!item) return "";
    const point = track.points[item.dataIndex];
    const spread = point[3] > point[2] ? `\n${round(point[2])} – ${round(point[3])} ${track.unit}` : "";
    return `${exact.format(point[0])}\n${round(point[1])} ${track.unit}${spread}`;
  }
  if (track.picture === "marks") {
    const item = items.find((each) => each.seriesType === "scatter");
    return item ? `${exact.format(item.value[0])}  ${track.values[track.points[item.dataIndex][1]].name}` : "";
  }
  const band = track.points.find(([from, to]) => at >= from && at < to) ?? track.points.find(([, to]) => at === to);
  return band ? `${exact.format(band[0])} – ${exact.format(band[1])}  ${track.values[band[2]].name}` : exact.format(at);
}

const toneOf = (tone) => token(`--${tone}`);
const inkOn = (tone) => token(tone.startsWith("calm") ? "--ink" : "--card");
const lengthOf = (text) => [...text].reduce((sum, letter) => sum + (letter.charCodeAt(0) > 255 ? LETTER : LETTER * 0.58), 0);
const round = (value) => (typeof value === "number" ? Number(value.toFixed(2)) : value);
