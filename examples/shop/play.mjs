// Plays a visit to the shop in a headless browser, and prints each step: play.mjs DATABASE [SCREENSHOT.png].

import { buy, goToPay, openBrowser, payAndReturn, visit, waitForText } from "./browser.mjs";
import { startShop } from "./shop.mjs";

const [database, screenshot] = process.argv.slice(2);
const started = Date.now();
const say = (text) => console.log(`${String(((Date.now() - started) / 1000).toFixed(1)).padStart(5)} s  ${text}`);
const orders = async (page) => (await page.locator("#orders li").allTextContents()).map((text) => text.trim().replace(/^\w+, /, "")).join("; ");

const { shop } = await startShop(database);
say("the database, payments-bridge and the stand-ins for PostgREST and Stripe are running");
const browser = await openBrowser();
const page = await visit(browser, shop, "ada");
say(`Ada signs in and sees ${await page.locator("#items li").count()} items for sale`);
await goToPay(page, "price_book");
say(`she orders a book and gets to Stripe's page: ${await page.textContent("h1")}`);
await page.click("button[value=decline]");
say(`her card is declined: ${(await page.textContent("#declined")).trim()}`);
await payAndReturn(page);
await waitForText(page, "#orders", "paid");
say(`she pays with another card; her orders after Stripe's event: ${await orders(page)}`);
await buy(page, "price_pack");
await waitForText(page, "#credits", "500");
await page.click("#spend");
await waitForText(page, "#message", "credits are left");
say(`she buys credits and spends some: ${await page.textContent("#message")}`);
await buy(page, "price_course");
await page.waitForSelector(".lesson");
say(`she buys the course and reads: ${(await page.locator(".lesson").allTextContents()).join("; ")}`);
await buy(page, "price_plan");
await waitForText(page, "#credits", "580");
say(`she subscribes to the picture plan; with this month's, her credits are ${await page.textContent("#credits")}`);
await buy(page, "price_team");
await waitForText(page, "#reports", "Acme");
say(`she buys a plan for her team, which can read: ${await page.textContent(".report")}`);
const other = await visit(browser, shop, "bob");
await waitForText(other, "#reports", "Acme");
say(`Bob, a member of the team, can read it too; his orders: ${await orders(other)}; the course: ${(await other.textContent("#lessons")).trim()}`);
if (screenshot) {
  await goToPay(page, "price_book");
  await page.click("a"); // returns without paying, so this order stays pending
  await waitForText(page, "#orders", "pending");
  await page.screenshot({ path: screenshot, fullPage: true });
  say(`wrote ${screenshot}`);
}
await browser.end();
process.exit(0);
