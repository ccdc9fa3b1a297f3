// The page: it shows the latest state that the server sent.

import { Connection } from "./connection.js";
import { Chart } from "./charts.js";
import { at, count, duration, percent, short, usd } from "./format.js";
import { groups, requests } from "./tables.js";
import { alerts, announce, spend } from "./spend.js";

const RANGES = [["today", "Today"], ["24h", "24 h"], ["7d", "7 days"], ["30d", "30 days"], ["month", "Month"], ["all", "All"]];
const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const $ = (id) => document.getElementById(id);

/** What is looked at; the address keeps it. */
const view = { range: "7d", zone: HERE };
let state = null;
let waiting = false;

const say = (text) => { $("readout").textContent = text; };
const unknownTimes = "No durations known: transcripts do not tell them.";
const charts = {
  cost: new Chart({ title: "Cost", bars: true, series: [{ name: "Cost", tone: "blue" }], show: usd, announce: say, empty: "No known cost." }),
  tokens: new Chart({ title: "Tokens", bars: true, series: [{ name: "Tokens", tone: "violet" }], show: short, announce: say, empty: "No tokens." }),
  success: new Chart({ title: "Success rate", share: true, series: [{ name: "Success", tone: "teal" }], show: percent, announce: say, empty: "No requests." }),
  latency: new Chart({ title: "Response time", series: [{ name: "median", tone: "teal" }, { name: "95 % within", tone: "amber" }], show: duration, announce: say, empty: unknownTimes }),
};
$("charts").append(...Object.values(charts).map((chart) => chart.root));

const connection = new Connection({
  state(next) {
    state = next;
    // However many come, the screen is drawn once a frame.
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  },
  alert: (alert) => announce(alert),
  status(kind, text) {
    $("status").dataset.state = kind;
    if ($("status-text").textContent !== text) $("status-text").textContent = text;
  },
});

function draw() {
  const { zone } = view;
  $("problem").hidden = state.problem === null;
  $("problem").textContent = state.problem === null ? "" : `This is not the latest: ${state.problem}`;
  alerts(state, zone);
  spend(state, zone);
  const until = state.range.until === null ? "now" : at(state.range.until, "moment", zone);
  $("range-name").textContent = `${at(state.range.since, "moment", zone)} – ${until}, by ${state.series.bucket}`;
  totals(state.totals);
  const { series, totals: all } = state;
  charts.cost.set(series.starts_ms, [series.cost], usd(all.cost_usd), zone);
  charts.tokens.set(series.starts_ms, [series.tokens], short(all.total_tokens), zone);
  charts.success.set(series.starts_ms, [series.success_rate], percent(all.success_rate), zone);
  charts.latency.set(series.starts_ms, [series.p50_ms, series.p95_ms], duration(all.duration_ms.p50), zone);
  requests(state, zone);
  groups(state, zone);
  $("schema").textContent = state.schema;
  $("generated").dateTime = state.generated;
  $("generated").textContent = at(state.generated, "moment", zone);
  document.title = `${usd(state.spend.day.cost_usd)} today · claude-cli`;
}

function totals(all) {
  const unpriced = all.unpriced_requests > 0 ? `${count(all.unpriced_requests)} of unknown cost` : "";
  const cached = all.total_tokens > 0 ? `${percent(all.cache_read_tokens / all.total_tokens, 0)} read from cache` : "";
  const tiles = [
    ["Cost", usd(all.cost_usd), unpriced, "warn"],
    ["Requests", count(all.requests), ""],
    ["Tokens", short(all.total_tokens), cached],
    ["Success rate", percent(all.success_rate, 2), all.errors > 0 ? `${count(all.errors)} failed` : "", "bad"],
    ["Median time", duration(all.duration_ms.p50), ""],
    ["95 % within", duration(all.duration_ms.p95), all.duration_ms.p99 === null ? "" : `99 % within ${duration(all.duration_ms.p99)}`],
  ];
  $("totals").replaceChildren(...tiles.map(([name, value, note, tone]) => {
    const tile = document.createElement("div");
    const [term, figure] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name;
    figure.textContent = value;
    tile.append(term, figure);
    if (note) {
      const small = document.createElement("dd");
      small.className = `small ${tone ?? ""}`;
      small.textContent = note;
      tile.append(small);
    }
    return tile;
  }));
}

/** Reads the view from the address, and shows it in the controls. */
function restore() {
  const asked = new URLSearchParams(location.search);
  view.range = asked.get("range") || "7d";
  view.zone = zones().includes(asked.get("tz")) ? asked.get("tz") : HERE;
  const known = RANGES.some(([range]) => range === view.range);
  const ranges = known ? RANGES : [...RANGES, [view.range, view.range]];
  $("ranges").replaceChildren(...ranges.map(([range, name]) => {
    const [label, input, text] = ["label", "input", "span"].map((tag) => document.createElement(tag));
    Object.assign(input, { type: "radio", name: "range", value: range, checked: range === view.range });
    input.addEventListener("change", () => choose({ range }));
    text.textContent = name;
    label.append(input, text);
    return label;
  }));
  $("zone").value = view.zone;
  connection.open(view);
}

function choose(change) {
  Object.assign(view, change);
  const asked = new URLSearchParams({ range: view.range, tz: view.zone });
  history.pushState(null, "", `?${asked}`);
  connection.open(view);
}

function zones() {
  return [...new Set([HERE, "UTC", ...(Intl.supportedValuesOf?.("timeZone") ?? [])])];
}

$("zone").append(...zones().map((zone) => new Option(zone === HERE ? `${zone} (here)` : zone.replaceAll("_", " "), zone)));
$("zone").addEventListener("change", (event) => choose({ zone: event.target.value }));
addEventListener("popstate", restore);

const THEMES = ["auto", "light", "dark"];
function theme(name) {
  document.documentElement.dataset.theme = name;
  $("theme").textContent = `Theme: ${name}`;
}
const kept = (() => { try { return localStorage.getItem("theme"); } catch { return null; } })();
theme(THEMES.includes(kept) ? kept : "auto");
$("theme").addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
  theme(next);
  // Where nothing may be kept, it is for this visit.
  try { localStorage.setItem("theme", next); } catch { /* as said */ }
});

restore();
