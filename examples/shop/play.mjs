// Plays a visit to the shop in a headless browser, and says what happens: play.mjs DATABASE [SCREENSHOT.png].

import { buy, goToPay, openBrowser, payAndReturn, visit, waitForText } from "./browser.mjs";
import { startShop } from "./shop.mjs";

const [database, screenshot] = process.argv.slice(2);
const started = Date.now();
const say = (text) => console.log(`${String(((Date.now() - started) / 1000).toFixed(1)).padStart(5)} s  ${text}`);
const orders = async (page) => (await page.locator("#orders li").allTextContents()).map((text) => text.trim().replace(/^\w+, /, "")).join("; ");

const { shop } = await startShop(database);
say("the database, PostgREST, payments-bridge and Stripe are there (the last and PostgREST as stand-ins)");
const browser = await openBrowser();
const page = await visit(browser, shop, "ada");
say(`Ada signs in, and sees ${await page.locator("#items li").count()} things for sale`);
await goToPay(page, "price_book");
say(`she orders a book, and is on Stripe's page: ${await page.textContent("h1")}`);
await page.click("button[value=decline]");
say(`her card is declined: ${(await page.textContent("#declined")).trim()}`);
await payAndReturn(page);
await waitForText(page, "#orders", "paid");
say(`another card pays; her orders, once Stripe's event has come: ${await orders(page)}`);
await buy(page, "price_pack");
await waitForText(page, "#credits", "500");
await page.click("#spend");
await waitForText(page, "#message", "credits are left");
say(`she buys credits, and spends some: ${await page.textContent("#message")}`);
await buy(page, "price_course");
await page.waitForSelector(".lesson");
say(`she buys the course, and reads: ${(await page.locator(".lesson").allTextContents()).join("; ")}`);
await buy(page, "price_team");
await waitForText(page, "#reports", "Acme");
say(`she pays a plan for her team, which reads: ${await page.textContent(".report")}`);
const other = await visit(browser, shop, "bob");
await waitForText(other, "#reports", "Acme");
say(`Bob, of the same team, reads that too; his orders: ${await orders(other)}; the course: ${(await other.textContent("#lessons")).trim()}`);
if (screenshot) {
  await goToPay(page, "price_book");
  await page.click("a"); // back without paying: this order stays pending
  await waitForText(page, "#orders", "pending");
  await page.screenshot({ path: screenshot, fullPage: true });
  say(`${screenshot} is written`);
}
await browser.end();
process.exit(0);
