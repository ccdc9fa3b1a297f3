// The page in a real browser, over a server that this starts and kills.
//
// Takes from the environment: BINARY and HOME of the program, MODULES (where
// playwright-core and axe-core are), CHROMIUM, and OUT for pictures.

import assert from "node:assert/strict";
import { spawn, execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const { BINARY, HOME, MODULES, CHROMIUM, OUT } = process.env;
const { chromium } = createRequire(join(MODULES, "x.js"))("playwright-core");
const axe = readFileSync(join(MODULES, "axe-core/axe.min.js"), "utf8");
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const SOON = 20_000;
const WIDE = { width: 1440, height: 1000 };
mkdirSync(OUT, { recursive: true });

/** The program, as another process than the server. */
const cli = (...args) => promisify(execFile)(BINARY, args);

let said = 0;
/** Commits one request, as an import of a transcript does, and returns when. */
async function commit(project, tokens = 2000) {
  said += 1;
  const folder = join(HOME, ".claude/projects/page");
  mkdirSync(folder, { recursive: true });
  const line = {
    type: "assistant", timestamp: new Date().toISOString(), sessionId: `browser-${said}`, cwd: project, requestId: `req_browser_${said}`,
    message: { id: `msg_browser_${said}`, model: "claude-opus-4-8", usage: { input_tokens: 10, output_tokens: tokens } },
  };
  writeFileSync(join(folder, `browser-${said}.jsonl`), `${JSON.stringify(line)}\n`);
  await cli("import");
  return Date.now();
}

/** Starts the server, and returns it and its address. */
async function serve(listen) {
  const server = spawn(BINARY, ["serve", "--listen", listen], { stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise((resolve, reject) => {
    server.stdout.once("data", (text) => resolve(String(text).trim()));
    server.once("exit", (code) => reject(new Error(`the server ended with ${code}`)));
  });
  return { server, url };
}

const problems = [];
const foreign = [];
let down = false;

function observe(page, url) {
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !down) problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("data:")) foreign.push(request.url());
  });
}

const live = (page) => page.waitForSelector('#status[data-state="live"]', { timeout: SOON });
const shows = (page, text) => page.locator("#requests").getByText(text, { exact: true }).first().waitFor({ timeout: SOON });

const profile = mkdtempSync(join(tmpdir(), "page-"));
const { server: first, url } = await serve("127.0.0.1:0");
let server = first;
const context = await chromium.launchPersistentContext(profile, { executablePath: CHROMIUM, headless: true, args: FLAGS, viewport: WIDE });
try {
  const page = context.pages()[0] ?? await context.newPage();
  observe(page, url);
  await checks(page);
  assert.deepEqual(problems, [], "the console is quiet");
  assert.deepEqual(foreign, [], "nothing is asked of another host");
  console.log("ok - no console error, no request to another host");
} finally {
  await context.close();
  server.kill("SIGKILL");
  rmSync(profile, { recursive: true, force: true });
}

async function checks(page) {
  await page.goto(`${url}/?range=7d&tz=UTC`);
  await live(page);
  await newRequests(page);
  await pictures(page);
  await accessible(page);
  await keyboard(page);
  await address(page);
  await alertFirst(page);
  await reconnects(page);
}

/** A request is on the page within a second of its commit by another process. */
async function newRequests(page) {
  const took = [];
  for (let n = 0; n < 5; n += 1) {
    const committed = await commit(`/work/live-${n}`);
    await shows(page, `/work/live-${n}`);
    took.push(Date.now() - committed);
  }
  took.sort((a, b) => a - b);
  assert.ok(took[2] < 1000, `it took ${took} ms`);
  console.log(`ok - a request is shown within a second of its commit (ms after it: ${took.join(", ")})`);
}

async function pictures(page) {
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const [name, viewport] of [["wide", WIDE], ["phone", { width: 375, height: 812 }]]) {
      await page.setViewportSize(viewport);
      await sleep(300);
      const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(beyond <= 0, `${name}: ${beyond} pixels beyond the window`);
      await page.screenshot({ path: join(OUT, `${name}-${scheme}.png`), fullPage: true });
      const covered = await page.evaluate(() => [...document.querySelectorAll(".sharebar > span")].filter((name) => {
        name.scrollIntoView({ block: "center" });
        const { left, top, height } = name.getBoundingClientRect();
        const above = document.elementFromPoint(left + 3, top + height / 2);
        return !name.contains(above);
      }).map((name) => name.textContent));
      assert.deepEqual(covered, [], `${name}: no bar covers a name`);
    }
  }
  await page.setViewportSize(WIDE);
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const dark = await background();
  const toggle = page.locator("#theme");
  await toggle.click();
  assert.notEqual(await background(), dark, "the toggle wins over what the system wants");
  assert.equal(await toggle.textContent(), "Theme: light");
  await page.reload();
  await live(page);
  assert.equal(await toggle.textContent(), "Theme: light", "and is kept");
  await toggle.click();
  await toggle.click();
  await page.emulateMedia({ colorScheme: "light" });
  console.log(`ok - pictures are in ${OUT}, nothing is wider than a phone, and the theme can be chosen`);
}

async function accessible(page) {
  for (const [scheme, viewport] of [["light", WIDE], ["dark", WIDE], ["light", { width: 375, height: 812 }]]) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize(viewport);
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] }));
    const grave = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
    const told = grave.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map((node) => node.html).join(" ")}`);
    assert.deepEqual(told, [], `axe, ${scheme}, ${viewport.width} wide`);
    if (violations.length > 0) console.log(`note - axe, less than serious: ${violations.map(({ id }) => id).join(", ")}`);
  }
  await page.setViewportSize(WIDE);
  await page.emulateMedia({ colorScheme: "light" });
  console.log("ok - axe finds nothing serious or critical, in light, dark and on a phone");
}

async function keyboard(page) {
  // Focus begins at the top of a page that was just loaded.
  await page.reload();
  await live(page);
  const reached = [];
  for (let n = 0; n < 8; n += 1) {
    await page.keyboard.press("Tab");
    reached.push(await page.evaluate(() => {
      const focused = document.activeElement;
      const drawn = focused.type === "radio" ? focused.nextElementSibling : focused;
      return [focused.id || focused.name || focused.className, getComputedStyle(drawn).outlineStyle !== "none"];
    }));
  }
  assert.deepEqual(reached.map(([name]) => name), ["skip", "range", "zone", "theme", "plot", "plot", "plot", "plot"]);
  assert.ok(reached.every(([, seen]) => seen), `focus is seen: ${JSON.stringify(reached)}`);
  await page.locator(".plot").first().focus();
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowLeft");
  assert.match(await page.locator("#readout").textContent(), /\$|–/, "a chart tells its values");
  assert.ok(await page.locator(".tip").first().isVisible());
  await page.keyboard.press("Tab");
  assert.ok(!await page.locator(".tip").first().isVisible());
  console.log("ok - everything is reached by keyboard, with a visible focus, and charts are read by arrow keys");
}

async function address(page) {
  await page.locator('input[value="7d"]').focus();
  await page.keyboard.press("ArrowLeft");
  await page.waitForURL((address) => address.searchParams.get("range") === "24h");
  await live(page);
  await page.locator("#zone").selectOption("Asia/Tokyo");
  await page.waitForURL((address) => address.searchParams.get("tz") === "Asia/Tokyo");
  await page.waitForFunction(() => document.querySelector("#range-name").textContent.includes("by 15m"), null, { timeout: SOON });
  await page.reload();
  await live(page);
  assert.ok(await page.locator('input[value="24h"]').isChecked());
  assert.equal(await page.locator("#zone").inputValue(), "Asia/Tokyo");
  await page.goBack();
  await page.goBack();
  await page.waitForFunction(() => document.querySelector('input[value="7d"]').checked && document.querySelector("#zone").value === "UTC");
  await live(page);
  console.log("ok - range and zone are in the address, and come back with it");
}

/** The alert is on the page before the request that caused it. */
async function alertFirst(page) {
  await cli("analytics", "budget", "set", "browser", "--limit", "0.5", "--period", "month", "--project", "/work/costly");
  await page.getByText("browser (project /work/costly)").first().waitFor({ timeout: SOON });
  await page.evaluate(() => {
    window.order = [];
    const note = (what, id, selector) => {
      const look = () => { if (!window.order.includes(what) && document.querySelector(id).textContent.includes(selector)) window.order.push(what); };
      new MutationObserver(look).observe(document.querySelector(id), { childList: true, subtree: true, characterData: true });
    };
    note("told", "#announce", "Budget browser");
    note("alert", "#alerts", "Budget browser");
    note("request", "#requests", "/work/costly");
  });
  await commit("/work/costly", 900_000);
  await shows(page, "/work/costly");
  const order = await page.evaluate(() => window.order);
  assert.equal(order.at(-1), "request", `${order}`);
  assert.deepEqual([...order].sort(), ["alert", "request", "told"]);
  await page.screenshot({ path: join(OUT, "alert.png") });
  console.log("ok - an alert is shown and announced before the request that caused it");
}

/** The server is killed and started again: what came meanwhile is shown, by the same page. */
async function reconnects(page) {
  await page.evaluate(() => { window.same = true; });
  const gone = new Promise((resolve) => { server.once("exit", resolve); });
  down = true;
  process.kill(server.pid, "SIGKILL");
  await gone;
  await page.waitForSelector('#status[data-state="lost"]', { timeout: SOON });
  await commit("/work/meanwhile-1");
  await commit("/work/meanwhile-2");
  ({ server } = await serve(new URL(url).host));
  await live(page);
  down = false;
  await shows(page, "/work/meanwhile-1");
  await shows(page, "/work/meanwhile-2");
  await commit("/work/afterwards");
  await shows(page, "/work/afterwards");
  assert.equal(await page.evaluate(() => window.same), true, "without loading the page again");
  console.log("ok - after the server was killed and started again, the page goes on without a gap");
}
