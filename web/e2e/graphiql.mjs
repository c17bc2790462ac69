// Drives the page for trying operations in a real browser, against a real server with the demo's people:
//
//   node e2e/graphiql.mjs [--picture FILE]
//
// It wants bin/cloakroom and a Chromium: $CHROMIUM, or /usr/bin/chromium. Both stop with it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values: options } = parseArgs({ options: { picture: { type: 'string' } } });
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const binary = new URL('../../bin/cloakroom', import.meta.url).pathname;
const patience = 30_000;

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Starts a server on a free port over a directory of its own. */
async function serve() {
  assert.ok(existsSync(binary), `there is no ${binary}: make build`);
  const data = await mkdtemp(join(tmpdir(), 'cloakroom-page-'));
  const server = spawn(binary, ['serve', '--demo', '--listen', '127.0.0.1:0', '--admin', '', '--data', join(data, 'data')], { stdio: ['ignore', 'ignore', 'pipe'] });
  const stop = async () => {
    const ended = server.exitCode === null && new Promise((done) => server.once('exit', done));
    server.kill('SIGTERM');
    await ended;
    await rm(data, { recursive: true, force: true });
  };
  let log = '';
  const url = await new Promise((resolve, reject) => {
    const late = setTimeout(() => { reject(new Error(`the server is not ready:\n${log}`)); }, 60_000);
    server.stderr.on('data', (chunk) => {
      log += chunk;
      const ready = /msg=ready.* url=(\S+)/.exec(log);
      if (ready) { clearTimeout(late); resolve(ready[1]); }
    });
    server.once('exit', (code) => { clearTimeout(late); reject(new Error(`the server ended with ${code}:\n${log}`)); });
  }).catch(async (error) => { await stop(); throw error; });
  return { url, stop };
}

/** Opens a page, and keeps what it should never do. */
async function open(browser, url, settings = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 860 }, ...settings });
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  const offences = [];
  page.on('console', (m) => { if (m.type() === 'error') offences.push(`console: ${m.text()}`); });
  page.on('pageerror', (e) => offences.push(`script: ${e.message}`));
  context.on('request', (r) => { if (new URL(r.url()).origin !== new URL(url).origin && !r.url().startsWith('data:') && !r.url().startsWith('blob:')) offences.push(`request to ${new URL(r.url()).host}`); });
  await page.addInitScript(() => {
    window.violations = [];
    document.addEventListener('securitypolicyviolation', (e) => window.violations.push(`${e.violatedDirective} ${e.blockedURI}`));
  });
  await page.goto(`${url}/graphiql`);
  return { page, offences };
}

const steps = {
  async 'nobody asks until a role is chosen'(page) {
    await page.getByRole('group', { name: 'Who asks' }).waitFor();
    assert.equal(await page.getByRole('group', { name: 'What for' }).count(), 0);
  },

  async 'a click signs in, and the first question is there'(page) {
    await page.getByRole('radio', { name: 'SALES_REP' }).check();
    assert.equal(await page.getByRole('combobox', { name: 'region' }).inputValue(), 'EMEA');
    await text(page, '.graphiql-query-editor', /@for\(purpose: SALES\)/);
    assert.ok(await page.getByRole('radio', { name: 'SALES', exact: true }).isChecked());
  },

  async 'what is withheld is marked, in words, and explained'(page) {
    await run(page);
    await text(page, '.result-window', /withheld/);
    const why = page.getByRole('region', { name: 'Why' });
    const entry = why.getByRole('listitem').filter({ hasText: 'contacts.nodes.birthday' });
    assert.match(await entry.innerText(), /withheld[\s\S]*not processed for SALES[\s\S]*@purpose · FIELD_PURPOSE[\s\S]*Ask for one of the purposes/);
    assert.ok(await page.locator('.result-window .mark.withheld').count() > 0);
  },

  async 'another role and purpose ask the same anew, and a reason leads to its value'(page) {
    await page.getByRole('radio', { name: 'MARKETER' }).check();
    await page.getByRole('radio', { name: 'PROFILING' }).check();
    await text(page, '.graphiql-query-editor', /@for\(purpose: PROFILING\)/);
    await page.getByText('Lawful basis: consent').waitFor();
    await page.getByRole('radio', { name: 'MARKETING' }).check();
    await text(page, '.graphiql-query-editor', /@for\(purpose: MARKETING\)/);
    await run(page);
    await text(page, '.result-window', /◐ masked/);
    await page.getByRole('button', { name: 'Show contacts.nodes.email in the answer' }).press('Enter');
    await page.waitForFunction(() => document.querySelector('.result-window')?.contains(document.activeElement));
    const masked = await page.locator('.result-window .mark.masked').allInnerTexts();
    assert.ok(masked.some((t) => t.includes('•••')), `marked: ${masked.join(', ')}`);
    const shown = await page.locator('.result-window .mark').allInnerTexts();
    assert.ok(!shown.some((t) => /@example\.\w+/.test(t) && !t.includes('•••')), 'a value that is shown is marked');
  },

  async 'what somebody wrote is left alone'(page) {
    await write(page, '# mine\nquery Mine { contacts(first: 1) { nodes { n: fullName } } }');
    await page.getByRole('radio', { name: 'SALES_MANAGER' }).check();
    await page.getByText('The operation names no purpose yet').waitFor();
    await page.getByRole('radio', { name: 'BILLING' }).check();
    await text(page, '.graphiql-query-editor', /# mine\s*query Mine @for\(purpose: BILLING\) \{ contacts\(first: 1\)/);
    await run(page);
    await page.getByText('contacts.nodes.n', { exact: true }).waitFor({ state: 'attached' });
  },

  async 'a customer is one of the people of the demo'(page) {
    await page.getByRole('radio', { name: 'CUSTOMER' }).check();
    await page.getByRole('combobox', { name: 'person' }).selectOption({ index: 1 });
    await write(page, 'query Mine { me { contacts { nodes { fullName } } } }');
    await page.getByRole('radio', { name: 'SELF_SERVICE' }).check();
    await run(page);
    await text(page, '.result-window', /OWN_DATA/);
  },

  async 'no token is kept in the browser'(page) {
    const kept = await page.evaluate(() => JSON.stringify([{ ...window.localStorage }, { ...window.sessionStorage }, document.cookie]));
    assert.ok(!/eyJ|Bearer/.test(kept), 'a token is in the storage of the browser');
    assert.equal(await page.evaluate(() => window.localStorage.length), 0);
  },
};

/** Runs the operation and waits for its answer. */
async function run(page) {
  const answered = page.waitForResponse((r) => r.url().endsWith('/graphql') && !/__schema/.test(r.request().postData() ?? ''));
  await page.getByRole('button', { name: /^Execute query/ }).click();
  const answer = await (await answered).json();
  assert.ok(answer.data, JSON.stringify(answer.errors));
}

/** Waits until an editor displays something. It sets spaces of its own kind. */
async function text(page, where, want) {
  await page.waitForFunction(([selector, source]) => {
    const shown = [...document.querySelectorAll(`${selector} .view-line`)].sort((a, b) => a.offsetTop - b.offsetTop).map((l) => l.textContent).join('\n');
    return new RegExp(source).test(shown.replaceAll('\u00a0', ' '));
  }, [where, want.source], { timeout: patience }).catch(async (error) => {
    throw new Error(`${where} does not show ${want}:\n${await page.locator(where).first().innerText()}`, { cause: error });
  });
}

async function write(page, operation) {
  await page.locator('.graphiql-query-editor .view-lines').click();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText(operation);
  await text(page, '.graphiql-query-editor', new RegExp(operation.split('\n')[0].replace(/[^\w# ]/g, '.')));
}

/** What axe finds against WCAG 2.2 AA in the parts that are ours. */
async function findings(page) {
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() =>
    window.axe.run({ include: [['.door'], ['.why']] }, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }));
  assert.ok(passes.length > 5, 'axe looked at next to nothing');
  return violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' ')}`);
}

async function accessible(page, offences, scheme) {
  for (const f of await findings(page)) offences.push(`axe (${scheme}): ${f}`);
}

const server = await serve();
let browser;
try {
  browser = await chromium.launch({
    executablePath,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  const { page, offences } = await open(browser, server.url);
  for (const [name, step] of Object.entries(steps)) {
    await step(page).catch((error) => { throw new Error(`${name}: ${error.message}`, { cause: error }); });
    await accessible(page, offences, 'light');
    console.log(`ok  ${name}`);
  }
  offences.push(...(await page.evaluate(() => window.violations)).map((v) => `policy: ${v}`));

  const dark = await open(browser, server.url, { colorScheme: 'dark' });
  await dark.page.getByRole('radio', { name: 'MARKETER' }).check();
  await text(dark.page, '.graphiql-query-editor', /MARKETING/);
  await run(dark.page);
  await text(dark.page, '.result-window', /masked/);
  await accessible(dark.page, offences, 'dark');
  offences.push(...dark.offences);
  if (process.env.DARK) await dark.page.screenshot({ path: process.env.DARK });

  if (options.picture) await picture(browser, server.url, options.picture);
  assert.deepEqual(offences, []);
  console.log('ok  nothing from elsewhere, nothing against the policy, no finding of axe, light and dark');
} finally {
  await browser?.close();
  await server.stop();
}

/** The picture of the README. */
async function picture(browser, url, path) {
  const { page } = await open(browser, url, { viewport: { width: 1280, height: 760 } });
  await page.getByRole('radio', { name: 'MARKETER' }).check();
  await text(page, '.graphiql-query-editor', /MARKETING/);
  await write(page, 'query Newsletter { contacts(first: 2) { nodes { fullName email birthday notes } } }');
  await page.getByRole('radio', { name: 'MARKETING' }).check();
  await page.getByRole('button', { name: /^Prettify/ }).click();
  await text(page, '.graphiql-query-editor', /contacts\(first: 2\) \{\s*nodes \{/);
  await page.locator('.graphiql-query-editor .view-lines').click();
  await page.keyboard.press('Control+Home');
  await run(page);
  await text(page, '.result-window', /masked/);
  await page.mouse.move(600, 750);
  await page.screenshot({ path });
}
