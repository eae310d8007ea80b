// Looks at the pages of a server as people do, in Chromium: `node look.mjs CHROMIUM URL RUN`.
// Every page in light and dark, on a desk and on a phone, in both languages: no violation that
// axe finds, nothing on the console, no request to another host, nothing wider than the screen.
// Then by keyboard, live, and without scripts. Pictures go to $DRIFTLINE_PICTURES, where it is set.
import axe from "axe-core";
import puppeteer from "puppeteer-core";

const [chromium, base, run] = process.argv.slice(2);
const pictures = process.env.DRIFTLINE_PICTURES;
const monitor = "/monitors/titles";
const mistakes = [];
const wrong = (where, what) => mistakes.push(`${where}: ${what}`);

const browser = await puppeteer.launch({
  executablePath: chromium,
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
});

async function open(where, { language = "en", scheme = "light", width = 1280, height = 900, scripts = true } = {}) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.setJavaScriptEnabled(scripts);
  await page.setViewport({ width, height, isMobile: width < 600, hasTouch: width < 600 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.setExtraHTTPHeaders({ "accept-language": language });
  page.on("console", (message) => {
    if (["error", "warn"].includes(message.type())) wrong(where, `console: ${message.text()}`);
  });
  page.on("pageerror", (error) => wrong(where, `script: ${error.message}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.origin !== base) wrong(where, `asks ${url.origin}`);
  });
  return page;
}

// The stream of changes stays open, so a page never comes to rest: it is there when it is loaded.
const load = (page, path) => page.goto(base + path, { waitUntil: "load" });

async function until(where, what, condition, tries = 100) {
  for (let n = 0; n < tries; n += 1) {
    if (await condition()) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  wrong(where, `never ${what}`);
  return false;
}

async function look(path, settings, name) {
  const where = `${path} ${JSON.stringify(settings)}`;
  const page = await open(where, settings);
  const answer = await load(page, path);
  if (answer.status() !== 200) wrong(where, `status ${answer.status()}`);
  await page.evaluate(axe.source);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  for (const violation of found.violations) {
    wrong(where, `axe: ${violation.id} (${violation.impact}): ${violation.help}: ${violation.nodes.map((node) => node.html).slice(0, 3).join(" ")}`);
  }
  const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  if (wide > room) wrong(where, `is ${wide} wide on a screen of ${room}`);
  const language = await page.evaluate(() => document.documentElement.lang);
  if (settings.language && !path.startsWith("/runs/") && language !== settings.language) wrong(where, `is in ${language}`);
  if (pictures) await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
  await page.browserContext().close();
}

for (const [name, path] of [["overview", "/"], ["monitor", monitor], ["run", `/runs/${run}`], ["login", "/login"]]) {
  for (const [screen, size] of [["desk", { width: 1280, height: 900 }], ["phone", { width: 390, height: 844 }]]) {
    for (const [scheme, language] of [["light", "en"], ["dark", "zh"], ["light", "zh"], ["dark", "en"]]) {
      await look(path, { language, scheme, ...size }, `${name}-${screen}-${scheme}-${language}`);
    }
  }
}

async function byKeyboard() {
  const where = "by keyboard";
  const page = await open(where);
  await load(page, monitor);
  const focused = () => page.evaluate(() => {
    const row = document.activeElement?.closest("tr");
    return [document.activeElement?.textContent?.trim(), row?.querySelector("th")?.textContent?.trim()];
  });
  let at = [];
  for (let n = 0; n < 100 && at[0] !== "Accept"; n += 1) {
    await page.keyboard.press("Tab");
    at = await focused();
  }
  if (at[0] !== "Accept") return wrong(where, "no button to accept a term is reached");
  const outlined = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  if (outlined === "none") wrong(where, "the button in focus looks like any other");
  await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.keyboard.press("Enter")]);
  const row = await page.evaluate((term) => {
    const rows = [...document.querySelectorAll("#terms tbody tr")];
    return rows.find((one) => one.querySelector("th").textContent.trim() === term)?.textContent;
  }, at[1]);
  if (!row?.includes("accepted")) wrong(where, `${at[1]} is not accepted: ${row}`);
  await page.browserContext().close();
}

async function live() {
  const where = "live";
  const page = await open(where);
  await load(page, monitor);
  await page.evaluate(() => { window.sameAsBefore = true; });
  const made = await fetch(`${base}/api/v1/silences`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ monitor: "titles", duration_seconds: 3600, author: "ada", comment: "known since today" }),
  });
  if (!made.ok) wrong(where, `the silence is answered ${made.status}`);
  const seen = () => page.evaluate(() => document.querySelector("main").textContent.includes("known since today"));
  await until(where, "shows the silence", seen);
  if (!(await page.evaluate(() => window.sameAsBefore))) wrong(where, "the page was loaded again");
  await page.browserContext().close();
}

async function withoutScripts() {
  const where = "without scripts";
  const page = await open(where, { scripts: false });
  await load(page, "/");
  await page.click("a[href='/monitors/titles']");
  await until(where, "shows the monitor", () => page.$("#terms"), 50);
  await page.browserContext().close();
}

await byKeyboard();
await live();
await withoutScripts();
await browser.close();
for (const mistake of new Set(mistakes)) console.error(mistake);
process.exitCode = mistakes.length > 0 ? 1 : 0;
