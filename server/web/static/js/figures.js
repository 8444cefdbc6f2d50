// The charts of a month's figures, in the page's own colours. What they show stands in the tables below too.

const data = JSON.parse(document.getElementById("figures-data").textContent);
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const narrow = () => window.innerWidth < 760;

function common() {
  const ink = token("--ink-3");
  return {
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: ink },
    tooltip: {
      trigger: "axis",
      renderMode: "richText", // the other mode writes inline styles, which the page's policy refuses
      confine: true,
      backgroundColor: token("--card"),
      borderColor: token("--line-strong"),
      textStyle: { color: token("--ink"), fontSize: 13 },
    },
  };
}

const axis = (more) => ({ axisLabel: { color: token("--ink-3"), fontSize: 12 }, splitLine: { lineStyle: { color: token("--line") } }, axisTick: { show: false }, axisLine: { lineStyle: { color: token("--line-strong") } }, ...more });

function shares(names) {
  const known = [...data.first, ...data.second, ...data.targets].filter((value) => value !== null);
  const colours = [token("--brand"), token("--major")];
  const course = (name, values, n) => ({
    name,
    type: "line",
    data: values,
    symbol: n ? "rect" : "circle",
    symbolSize: 8,
    lineStyle: { width: 2.5, color: colours[n] },
    itemStyle: { color: colours[n] },
    markLine: {
      silent: true,
      symbol: ["none", "none"],
      lineStyle: { type: "dashed", color: colours[n], width: 1.5 },
      label: { formatter: `${data.targets[n]} %`, position: n ? "insideEndTop" : "insideEndBottom", color: colours[n] },
      data: [{ yAxis: data.targets[n] }],
    },
  });
  return {
    ...common(),
    legend: { top: 0, textStyle: { color: token("--ink-2") }, data: names },
    grid: { left: 44, right: 12, top: 34, bottom: 26 },
    xAxis: axis({ type: "category", data: data.months.map((month) => (narrow() ? month.slice(5) : month)) }),
    yAxis: axis({ type: "value", min: Math.max(0, Math.floor((Math.min(...known) - 1) / 10) * 10), max: 100 }),
    series: [course(names[0], data.first, 0), course(names[1], data.second, 1)],
  };
}

function bars(pairs, level) {
  const names = axis({ type: "category", data: pairs.map(([name]) => name) });
  const values = axis({ type: "value", minInterval: 1 });
  if (level) {
    names.axisLabel = { ...names.axisLabel, width: 120, overflow: "truncate" };
    names.inverse = true;
  }
  return {
    ...common(),
    grid: { left: level ? 130 : 40, right: 16, top: 14, bottom: 26 },
    xAxis: level ? values : names,
    yAxis: level ? names : values,
    series: [{ type: "bar", data: pairs.map(([, value]) => value), itemStyle: { color: token("--brand"), borderRadius: level ? [0, 4, 4, 0] : [4, 4, 0, 0] }, barMaxWidth: 26 }],
  };
}

const nameOf = (key) => document.querySelector(`#light-${key} > span`).textContent.split(" · ")[0];
const PICTURES = {
  shares: () => shares([nameOf("first"), nameOf("second")]),
  hours: () => bars(data.hours.map((value, hour) => [String(hour), value]), false),
  areas: () => bars(data.areas, true),
  models: () => bars(data.models, true),
};

function start() {
  const charts = Object.entries(PICTURES).flatMap(([name, option]) => {
    const place = document.getElementById(`chart-${name}`);
    if (!place) return [];
    const chart = window.echarts.init(place, null, { renderer: "canvas" });
    const paint = () => chart.setOption(option(), true);
    paint();
    new ResizeObserver(() => { chart.resize(); paint(); }).observe(place);
    return [paint];
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((paint) => paint()));
}

start();
