// Watches the page of a running server until it shows a request.
//
// Takes from the environment: URL, MODULES (where playwright-core is), CHROMIUM
// and OUT for a picture. Says `live` once the page is, and then what it shows.

import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const { URL: url, MODULES, CHROMIUM, OUT } = process.env;
const { chromium } = createRequire(join(MODULES, "x.js"))("playwright-core");
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const SOON = 30_000;

const browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: FLAGS });
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 1000 } });
  await page.goto(url);
  await page.waitForSelector('#status[data-state="live"]', { timeout: SOON });
  console.log("live");
  const row = page.locator("#requests tbody tr").first();
  await row.waitFor({ timeout: SOON });
  console.log((await row.textContent()).replace(/\s+/g, " "));
  mkdirSync(OUT, { recursive: true });
  await page.screenshot({ path: join(OUT, "telemetry.png") });
} finally {
  await browser.close();
}
