// A headless browser (Debian's chromium, driven by playwright-core), and the actions of a buyer in the shop.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { require } from "./fake-stripe/packages.mjs";

const { chromium } = require("playwright-core");

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Opens a browser with an empty profile, which end() removes. */
export async function openBrowser() {
  const profile = mkdtempSync(join(tmpdir(), "payments-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: "/usr/bin/chromium", headless: true, args: FLAGS, viewport: { width: 1080, height: 560 }, timeout: 60_000,
  });
  context.setDefaultTimeout(30_000);
  return {
    context,
    async end() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

const ready = (page) => page.waitForSelector("body[data-ready]");

/** Opens the shop in a new tab, signed in as `who`, or as a visitor if `who` is empty. */
export async function visit(browser, shop, who = "") {
  const page = await browser.context.newPage();
  await page.goto(`${shop}/`);
  await ready(page);
  if (who) await page.selectOption("#who", who);
  if (who) await page.waitForSelector("#account:not([hidden])");
  return page;
}

/** Presses Buy, and waits for Stripe's page. Returns the id of the checkout session. */
export async function goToPay(page, price) {
  await page.click(`button[data-price=${price}]`);
  await page.waitForURL(/\/c\/pay\/cs_test_/);
  return page.url().split("/").at(-1);
}

/** Pays on Stripe's page, and returns to the shop. */
export async function payAndReturn(page) {
  await page.click("button[value=pay]");
  await page.waitForURL(/#thanks\//);
  await ready(page);
}

export async function buy(page, price) {
  const session = await goToPay(page, price);
  await payAndReturn(page);
  return session;
}

/** Waits until an element of the page contains a text. */
export async function waitForText(page, selector, text) {
  await page.waitForFunction(([where, what]) => document.querySelector(where)?.textContent.includes(what), [selector, text]);
}
