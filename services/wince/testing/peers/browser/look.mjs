// Opens pages in Chromium and says what is wrong with them. A JSON {chromium, pages: [{url, width, height, dark, print, click, shot}]} on
// stdin; a JSON array on stdout, of each page {beyond, overlaps, letters, small, axe, console, text}, each a list of findings.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

// In the page: what stands beyond its edges, what lies on something else, words broken into letters, letters too small to read.
function measure() {
  const shown = (element) => {
    const style = getComputedStyle(element);
    if (style.visibility === 'hidden' || style.clipPath === 'inset(50%)') return false;
    return element.parentElement === null || element.parentElement === document.documentElement || shown(element.parentElement);
  };
  const wide = document.documentElement.clientWidth;
  const said = (text) => text.trim().replace(/\s+/g, ' ').slice(0, 60);
  const beyond = document.documentElement.scrollWidth > wide + 1 ? [`the page is ${document.documentElement.scrollWidth} px wide`] : [];
  const texts = [], letters = [], small = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim() || ['SCRIPT', 'STYLE'].includes(parent.tagName) || !shown(parent)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const inDrawing = parent instanceof SVGElement;
    const rects = inDrawing ? [parent.getBoundingClientRect()] : [...range.getClientRects()];
    const lines = rects.filter((rect) => rect.width > 0.5 && rect.height > 0.5);
    for (const rect of lines) {
      if (rect.right > wide + 1 || rect.left < -1) beyond.push(`${said(node.data)}: ${Math.round(rect.left)} to ${Math.round(rect.right)} px`);
      texts.push({rect, node, text: said(node.data)});
    }
    const high = new Set(lines.map((rect) => Math.round(rect.top))).size; // a line of two directions is two rectangles
    if (high > 3 && node.data.trim().length / high < 4) letters.push(said(node.data));
    const size = inDrawing ? Number(parent.getAttribute('font-size')) * parent.getScreenCTM().a : parseFloat(getComputedStyle(parent).fontSize);
    if (lines.length && size < 8.4) small.push(`${said(node.data)}: ${size.toFixed(1)} px`);
  }
  const overlaps = [];
  texts.sort((one, other) => one.rect.top - other.rect.top);
  for (let i = 0; i < texts.length; i++) {
    for (let j = i + 1; j < texts.length && texts[j].rect.top < texts[i].rect.bottom; j++) {
      const [a, b] = [texts[i].rect, texts[j].rect];
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left), down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (texts[i].node !== texts[j].node && across > 1 && down > 0.3 * Math.min(a.height, b.height)) {
        overlaps.push(`${texts[i].text} / ${texts[j].text}`);
      }
    }
  }
  for (const element of document.body.querySelectorAll('*')) {
    if (element instanceof SVGElement || !shown(element)) continue;
    if (element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0 && getComputedStyle(element).display !== 'inline') {
      beyond.push(`<${element.tagName.toLowerCase()} class="${element.className}"> is ${element.scrollWidth} px wide in ${element.clientWidth}`);
    }
  }
  return {beyond, overlaps, letters, small, text: document.body.innerText};
}

async function look(browser, page) {
  const context = await browser.newContext({
    viewport: {width: page.width, height: page.height ?? 900}, colorScheme: page.dark ? 'dark' : 'light', reducedMotion: 'reduce', locale: 'en-GB',
    javaScriptEnabled: page.scripts ?? true,
  });
  const tab = await context.newPage();
  const heard = [];
  tab.on('console', (message) => message.type() === 'error' && heard.push(message.text()));
  tab.on('pageerror', (error) => heard.push(String(error)));
  tab.on('request', (request) => { if (!/^(file|data):/.test(request.url())) heard.push(`asks for ${request.url()}`); });
  await tab.goto(page.url, {waitUntil: 'load'});
  if (page.print) await tab.emulateMedia({media: 'print'});
  for (const step of page.steps ?? []) await (step.press ? tab.keyboard.press(step.press) : tab.click(step.click));
  const found = await tab.evaluate(measure);
  let violations = [];
  if (page.axe ?? true) {
    await tab.evaluate(axe);
    const result = await tab.evaluate((tags) => globalThis.axe.run(document, {runOnly: {type: 'tag', values: tags}}), TAGS);
    const told = (one) => `${one.id}: ${one.nodes.map((node) => `${node.target.join(' ')} ${(node.failureSummary ?? '').split('\n').join(' ')}`).slice(0, 3).join(' | ')}`;
    violations = result.violations.map(told);
  }
  if (page.shot) await tab.screenshot({path: page.shot, fullPage: page.whole ?? true});
  if (page.pdf) await tab.pdf({path: page.pdf, preferCSSPageSize: true});
  await context.close();
  return {...found, axe: violations, console: heard};
}

const order = JSON.parse(readFileSync(0, 'utf8'));
const browser = await chromium.launch({executablePath: order.chromium, args: ['--no-sandbox', '--disable-dev-shm-usage']});
const answers = [];
try {
  for (const page of order.pages) answers.push(await look(browser, page));
} finally {
  await browser.close();
}
process.stdout.write(JSON.stringify(answers));
