// Lists: the latest requests, and what costs most.

import { at, column, count, seconds, short, tail } from "./format.js";
import { make } from "./spend.js";

const $ = (id) => document.getElementById(id);

/** A table; columns are [title, class, what is in it]. */
function table(caption, columns, rows) {
  const made = make("table");
  made.append(make("caption", caption.hidden ? "hidden" : "", caption.text));
  const head = make("tr");
  for (const [title, className] of columns) {
    const cell = make("th", className, title);
    cell.scope = "col";
    head.append(cell);
  }
  const body = make("tbody");
  for (const row of rows) {
    const line = make("tr", row.fresh ? "fresh" : "");
    columns.forEach(([, className, show], n) => {
      const cell = make(n === 0 ? "th" : "td", className);
      if (n === 0) cell.scope = "row";
      const content = show(row);
      if (content instanceof Node) cell.append(content);
      else cell.textContent = content;
      cell.title = row.titles?.[n] ?? "";
      if (cell.title === "") cell.removeAttribute("title");
      line.append(cell);
    });
    body.append(line);
  }
  const top = make("thead");
  top.append(head);
  made.append(top, body);
  return made;
}

const name = (text) => text || "unknown";
/** A project: where it is, if there is room for that, and what it is called. */
function project(path) {
  const at = tail(name(path), 44);
  const parts = document.createDocumentFragment();
  const cut = at.lastIndexOf("/") + 1;
  parts.append(make("span", "soft wide", at.slice(0, cut)), at.slice(cut));
  return parts;
}

/** What rows cost, in digits that suit all of them. */
function costs(rows) {
  const shown = column(rows.map((row) => row.cost_usd));
  return (row) => (row.cost_usd === null ? "unknown" : shown(row.cost_usd));
}

/** Ids that were shown before, of the same range. */
let seen = { range: null, ids: new Set() };

export function requests(state, zone) {
  const all = Object.entries(state.requests).map(([id, request]) => ({ id, ...request }));
  all.sort((a, b) => b.at.localeCompare(a.at) || b.id.localeCompare(a.id));
  const same = seen.range === `${state.range.text} ${state.range.tz}`;
  for (const request of all) {
    request.fresh = same && !seen.ids.has(request.id);
    request.titles = [request.at, request.project ?? "", request.model ?? "", request.user ?? request.session ?? ""];
  }
  seen = { range: `${state.range.text} ${state.range.tz}`, ids: new Set(all.map(({ id }) => id)) };
  if (all.length === 0) {
    $("requests").replaceChildren(make("p", "empty", "No requests in this range."));
    return;
  }
  const status = (request) => make("span", request.error ? "bad" : "soft", request.error ?? "ok");
  const withUsers = all.some(({ user }) => user);
  const columns = [
    ["Time", "w-time", (request) => when(request, state, zone)],
    ["Project", "", (request) => project(request.project)],
    ["Model", "wide w-name", ({ model }) => name(model)],
    withUsers ? ["Person", "wide w-name", ({ user }) => name(user)] : ["Session", "wide w-session soft", ({ session }) => (session ?? "–").slice(0, 8)],
    ["Tokens", "right wide w-num", ({ total_tokens: tokens }) => short(tokens)],
    ["Duration", "right wide w-num", ({ duration_ms: ms }) => seconds(ms)],
    ["Cost", "right w-cost", costs(all)],
    ["Status", "w-status", status],
  ];
  $("requests").replaceChildren(table({ text: "The latest requests, the newest first", hidden: true }, columns, all));
}

/** Times of another day come with it. */
function when(request, state, zone) {
  const today = at(state.generated, "day", zone);
  const day = at(request.at, "day", zone);
  return day === today ? at(request.at, "second", zone) : `${day} ${at(request.at, "time", zone)}`;
}

export function groups(state, zone) {
  const lists = [
    ["Models", "Model", state.models],
    ["Projects", "Project", state.projects],
    ["People", "Person", state.users],
    ["Hosts", "Host", state.hosts],
  ].filter(([title, , all]) => Object.keys(all).length > 0 || title === "Models" || title === "Projects");
  const made = lists.map(([title, key, all]) => list(title, key, all, state.totals.cost_usd));
  made.push(sessions(state, zone));
  $("groups").replaceChildren(...made);
}

function byCost(all) {
  const rows = Object.entries(all).map(([key, row]) => ({ key, ...row }));
  return rows.sort((a, b) => (b.cost_usd ?? 0) - (a.cost_usd ?? 0) || b.total_tokens - a.total_tokens || a.key.localeCompare(b.key));
}

function inCard(title, rows, columns) {
  const card = make("div", "card flush");
  if (rows.length > 0) card.append(table({ text: title }, columns, rows));
  else card.append(make("p", "empty", `${title}: none in this range.`));
  return card;
}

function list(title, key, all, total) {
  const rows = byCost(all);
  const most = Math.max(...rows.map((row) => row.cost_usd ?? 0), 0);
  for (const row of rows) row.titles = [row.key];
  const label = (row) => {
    const cell = make("span");
    cell.append(title === "Projects" ? project(row.key) : name(row.key));
    const track = make("i");
    const fill = make("b");
    fill.style.width = most > 0 ? `${((row.cost_usd ?? 0) / most) * 100}%` : "0";
    track.append(fill);
    const both = document.createDocumentFragment();
    both.append(cell, track);
    return both;
  };
  const share = (row) => (total > 0 && row.cost_usd !== null ? `${Math.round((row.cost_usd / total) * 100)} %` : "–");
  return inCard(title, rows, [
    [key, "sharebar", label],
    ["Requests", "right wide w-num", (row) => count(row.requests)],
    ["Failed", "right wide w-num", (row) => (row.errors > 0 ? make("span", "bad", count(row.errors)) : "–")],
    ["Tokens", "right w-num", (row) => short(row.total_tokens)],
    ["Cost", "right w-num", costs(rows)],
    ["Share", "right wide w-num soft", share],
  ]);
}

function sessions(state, zone) {
  const rows = byCost(state.sessions);
  for (const row of rows) row.titles = [row.project ?? "", row.key, row.branch ?? ""];
  return inCard("Costliest sessions", rows, [
    ["Project", "", (row) => project(row.project)],
    ["Session", "wide w-session soft", (row) => row.key.slice(0, 8)],
    ["Branch", "wide w-session soft", (row) => row.branch ?? "–"],
    ["Last request", "wide w-status soft", (row) => at(row.last, "moment", zone)],
    ["Tokens", "right w-num", (row) => short(row.total_tokens)],
    ["Cost", "right w-num", costs(rows)],
  ]);
}
