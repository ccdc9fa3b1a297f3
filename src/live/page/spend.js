// What was spent, what may be, and what was crossed.

import { at, count, percent, short, span, usd } from "./format.js";

const PERIODS = [["day", "Today"], ["week", "This week"], ["month", "This month"]];
const $ = (id) => document.getElementById(id);

export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== "") element.textContent = text;
  return element;
}

/** A heading, a large figure, and a line below it. */
function card(title, figure, note) {
  const card = make("div", "card");
  card.append(make("h3", "", title), make("p", "figure", figure), make("p", "note", note));
  return card;
}

export function spend(state, zone) {
  const cards = PERIODS.map(([period, title]) => {
    const spent = state.spend[period];
    const unpriced = spent.unpriced_requests > 0 ? ` · ${count(spent.unpriced_requests)} unpriced` : "";
    const requests = `${count(spent.requests)} request${spent.requests === 1 ? "" : "s"}`;
    const made = card(title, usd(spent.cost_usd), `${requests} · ${short(spent.total_tokens)} tokens${unpriced}`);
    const budgets = Object.values(state.budgets).filter((budget) => budget.period === period);
    budgets.sort((a, b) => (b.share ?? 0) - (a.share ?? 0));
    made.append(...budgets.map(meter));
    return made;
  });
  $("spend").replaceChildren(...cards, block(state, zone));
}

/** Whose spending a budget is of. */
function whose(of) {
  const values = Object.entries(of).map(([name, value]) => `${name} ${value}`);
  return values.length > 0 ? ` (${values.join(", ")})` : "";
}

function meter(budget) {
  const name = budget.name + whose(budget.of);
  const share = budget.share ?? (budget.spent_usd > 0 ? 1 : 0);
  const made = make("div", "meter");
  made.dataset.state = budget.state;
  const words = make("div", "words");
  const limit = make("span");
  limit.append(make("span", "share", percent(budget.share, 0)), ` of ${usd(budget.limit_usd)}`);
  const label = make("span", "", name);
  label.title = name;
  words.append(label, limit);
  const bar = make("div", "bar");
  bar.setAttribute("role", "meter");
  bar.setAttribute("aria-label", `Budget ${name}`);
  bar.setAttribute("aria-valuemin", 0);
  bar.setAttribute("aria-valuemax", 100);
  bar.setAttribute("aria-valuenow", Math.min(100, Math.round(share * 100)));
  const heading = budget.projected_usd === null ? "" : `, heading for ${usd(budget.projected_usd)}`;
  bar.setAttribute("aria-valuetext", `${usd(budget.spent_usd)} of ${usd(budget.limit_usd)}, ${budget.state}${heading}`);
  const fill = make("i");
  fill.style.width = `${Math.min(1, share) * 100}%`;
  bar.append(fill);
  const ahead = budget.projected_usd !== null && budget.limit_usd > 0 ? budget.projected_usd / budget.limit_usd : null;
  if (ahead !== null && ahead > share && ahead < 1) {
    const mark = make("b");
    mark.style.left = `${ahead * 100}%`;
    bar.append(mark);
  }
  made.append(words, bar);
  if (budget.projected_usd > budget.limit_usd && budget.state !== "over") {
    made.append(make("p", "note warn", `Heading for ${usd(budget.projected_usd)} by the end of the ${budget.period}`));
  }
  return made;
}

function block({ block, generated }, zone) {
  if (block === null) {
    const none = make("div", "card");
    none.append(make("h3", "", "5-hour block"), make("p", "figure quiet", "None in use"));
    none.append(make("p", "note", "The next request begins one."));
    return none;
  }
  const rate = block.usd_per_hour === null ? "–" : `${usd(block.usd_per_hour)}/h`;
  const ends = `until ${at(block.end, "time", zone)}, ${span(Date.parse(block.end) - Date.parse(generated))} left`;
  const made = card("5-hour block", usd(block.cost_usd), ends);
  const pairs = make("dl", "pairs");
  const tokens = block.tokens_per_minute === null ? "–" : `${short(block.tokens_per_minute)}/min`;
  for (const [name, value] of [["Burn rate", rate], ["Tokens", tokens], ["Projected at its end", usd(block.projected_usd)]]) {
    pairs.append(make("dt", "", name), make("dd", "", value));
  }
  made.append(pairs);
  return made;
}

/** Those that were told just now are marked, for so many milliseconds. */
const FRESH = 15_000;
const fresh = new Set();

function words(alert) {
  return `Budget ${alert.budget}: ${usd(alert.spent_usd)} spent, more than ${alert.threshold_percent} % of the `
    + `${usd(alert.limit_usd)} a ${alert.period}`;
}

/** Tells an alert at once, before any state does. */
export function announce(alert) {
  fresh.add(alert.id);
  setTimeout(() => {
    fresh.delete(alert.id);
    document.querySelector(`[data-alert="${CSS.escape(alert.id)}"]`)?.classList.remove("fresh");
  }, FRESH);
  $("announce").textContent = words(alert);
  if (!document.querySelector(`[data-alert="${CSS.escape(alert.id)}"]`)) $("alerts").prepend(shown(alert, null));
}

function shown(alert, zone) {
  const over = alert.threshold_percent >= 100;
  const made = make("div", `alert${over ? " over" : ""}${fresh.has(alert.id) ? " fresh" : ""}`);
  made.dataset.alert = alert.id;
  made.append(make("strong", "", over ? "Over budget" : "Warning"), make("span", "", words(alert)));
  const time = make("time", "", at(alert.at, "moment", zone ?? undefined));
  time.dateTime = alert.at;
  made.append(time);
  return made;
}

/** Of each budget, the highest threshold that it crossed. */
export function alerts(state, zone) {
  const highest = new Map();
  for (const alert of Object.values(state.alerts)) {
    const known = highest.get(alert.budget);
    if (!known || known.threshold_percent < alert.threshold_percent) highest.set(alert.budget, alert);
  }
  const all = [...highest.values()];
  all.sort((a, b) => b.at.localeCompare(a.at) || b.threshold_percent - a.threshold_percent);
  $("alerts").replaceChildren(...all.map((alert) => shown(alert, zone)));
}
