// Curves over time, drawn with ECharts in the page's own colours.

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "Asia/Shanghai" });
const exact = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: "Asia/Shanghai" });
const COLOURS = ["--brand", "--sun", "--warning", "--good"];

/** Draws {start, end, marks, lines} into `element`; returns the chart, or null where there is nothing. */
export function draw(element, content, markName = "") {
  const lines = content.lines.filter((line) => line.points.length);
  if (!lines.length && !content.marks?.length) return null;
  const chart = window.echarts.init(element, null, { renderer: "canvas" });
  const units = [...new Set(lines.map((line) => line.unit))].slice(0, 2);
  const ink = token("--ink-3");
  const rule = token("--line");
  const marks = (content.marks ?? []).map((at) => ({ xAxis: at }));
  const series = (lines.length ? lines : [{ name: "", unit: "", points: [] }]).map((line, index) => ({
    name: line.name,
    type: "line",
    step: line.steps ? "end" : false,
    showSymbol: line.points.length < 3,
    symbolSize: 7,
    lineStyle: { width: 2 },
    yAxisIndex: Math.max(0, units.indexOf(line.unit)),
    data: line.points.map((point) => [point[0], point[1]]),
    markLine: index || !marks.length ? undefined : {
      silent: true,
      symbol: ["none", "none"],
      lineStyle: { color: token("--critical"), width: 2, type: "solid" },
      label: { formatter: (mark) => (mark.dataIndex === 0 ? markName : ""), color: token("--critical"), fontWeight: 600 },
      data: marks,
    },
  }));
  chart.setOption({
    animation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    animationDuration: 300,
    color: COLOURS.map(token),
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: ink },
    grid: { left: 8, right: units.length > 1 ? 8 : 16, top: 40, bottom: 6, containLabel: true },
    legend: { show: lines.length > 0, top: 0, left: 0, icon: "roundRect", itemWidth: 14, itemHeight: 4, textStyle: { color: token("--ink-2"), fontSize: 13 } },
    tooltip: {
      trigger: "axis",
      renderMode: "richText", // the other mode writes inline styles, which the page's policy refuses
      backgroundColor: token("--card"),
      borderColor: token("--line-strong"),
      textStyle: { color: token("--ink"), fontSize: 13 },
      formatter: (items) => [exact.format(items[0].axisValue), ...items.map((item) => `${item.seriesName}  ${said(lines[item.seriesIndex], item.value[1])}`)].join("\n"),
    },
    xAxis: { type: "time", min: content.start, max: content.end, axisLabel: { color: ink, hideOverlap: true, formatter: (value) => clock.format(value) }, axisLine: { lineStyle: { color: rule } }, axisTick: { lineStyle: { color: rule } } },
    yAxis: (units.length ? units : [""]).map((unit, index) => ({ ...truth(lines.filter((line) => line.unit === unit)), type: "value", scale: true, name: unit, position: index ? "right" : "left", nameTextStyle: { color: ink, padding: [0, 0, 0, 0] }, axisLabel: { color: ink, formatter: label(lines.filter((line) => line.unit === unit)) }, splitLine: { show: !index, lineStyle: { color: rule } } })),
    series,
    aria: { enabled: true },
  });
  new ResizeObserver(() => chart.resize()).observe(element);
  return chart;
}

const onlyTruths = (lines) => lines.length > 0 && lines.every((line) => line.labels);
const truth = (lines) => (onlyTruths(lines) ? { min: 0, max: 1, interval: 1 } : {});
const label = (lines) => (lines.length === 1 && onlyTruths(lines) ? (value) => lines[0].labels[value] : undefined);
const said = (line, value) => line?.labels?.[value] ?? `${round(value)} ${line?.unit ?? ""}`;
const round = (value) => (typeof value === "number" ? Number(value.toFixed(2)) : value);

/** Fetches and draws; shows words where there is nothing to draw. Draws again when the colours change. */
export async function chartAt(element) {
  let chart = null;
  async function fill() {
    try {
      const answer = await fetch(element.dataset.url, { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      chart?.dispose();
      element.classList.remove("words");
      element.textContent = "";
      chart = draw(element, await answer.json(), element.dataset.event);
      if (!chart) wordsInstead(element.dataset.empty);
    } catch {
      if (!chart) wordsInstead(element.dataset.failed);
    }
  }
  function wordsInstead(text) {
    element.classList.add("words");
    element.textContent = text;
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", fill);
  await fill();
  return fill;
}
