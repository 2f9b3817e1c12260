import type { ShipOrder } from '@contracts/shipping';
import PDFDocument from 'pdfkit';
import { code128 } from './barcode';
import { latin } from './label-text';
import type { Parcel } from './parcel';

/** A6 in points (105 × 148 mm). */
const PAGE = { width: 297.64, height: 419.53 };
const MARGIN = 18;
const INNER = PAGE.width - 2 * MARGIN;
const SENDER = ['Parley Shop', 'Alte Messe 7', '04103 Leipzig', 'DE'];
/** So many lines fit below the barcode. */
const LISTED = 7;
/** Quiet zones left and right of a barcode, in modules. */
const QUIET = 10;

type LabelData = Pick<ShipOrder, 'recipient' | 'address' | 'lines' | 'grams'> &
  Pick<Parcel, 'trackingNumber'>;

/** A parcel's label, a PDF of one A6 page. */
export function drawLabel(data: LabelData): Promise<Buffer> {
  // One page we made ourselves, nothing compressed: the label is small, and packing costs more than
  // it saves.
  const page = new PDFDocument({
    size: [PAGE.width, PAGE.height],
    margin: MARGIN,
    compress: false,
    info: { Title: `Parcel ${data.trackingNumber}` },
  });
  const bytes = collect(page);
  drawSender(page);
  drawRecipient(page, data);
  drawBarcode(page, data.trackingNumber);
  drawContents(page, data);
  page.end();
  return bytes;
}

type Page = PDFKit.PDFDocument;

function collect(page: Page): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    page.on('data', (chunk: Buffer) => chunks.push(chunk));
    page.once('end', () => resolve(Buffer.concat(chunks)));
    page.once('error', reject);
  });
}

function drawSender(page: Page): void {
  write(page, 'Helvetica', 7, 18, SENDER.join(' · '));
  rule(page, 32);
}

function drawRecipient(page: Page, { recipient, address }: LabelData): void {
  write(page, 'Helvetica', 8, 42, 'TO');
  write(page, 'Helvetica-Bold', 15, 54, recipient);
  write(page, 'Helvetica', 13, 76, address.line1);
  write(page, 'Helvetica-Bold', 15, 98, `${address.postcode} ${address.city}`);
  write(page, 'Helvetica-Bold', 22, 122, address.country);
  rule(page, 156);
}

function drawBarcode(page: Page, trackingNumber: string): void {
  const widths = code128(trackingNumber);
  const module = INNER / (widths.reduce((sum, width) => sum + width, 0) + 2 * QUIET);
  let x = MARGIN + QUIET * module;
  widths.forEach((width, index) => {
    if (index % 2 === 0) page.rect(x, 168, width * module, 80);
    x += width * module;
  });
  page.fill('#000');
  write(page, 'Courier-Bold', 13, 254, inFours(trackingNumber), 'center');
  rule(page, 278);
}

function drawContents(page: Page, { lines, grams }: LabelData): void {
  const pieces = lines.reduce((sum, { quantity }) => sum + quantity, 0);
  write(
    page,
    'Helvetica-Bold',
    9,
    288,
    `${kilograms(grams)} kg   ${pieces} ${pieces === 1 ? 'piece' : 'pieces'}`,
  );
  const listed = lines.length > LISTED ? lines.slice(0, LISTED - 1) : lines;
  listed.forEach(({ sku, quantity }, index) =>
    write(page, 'Courier', 8, 304 + index * 12, `${String(quantity).padStart(4)} x ${sku}`),
  );
  if (listed.length < lines.length)
    write(
      page,
      'Courier',
      8,
      304 + listed.length * 12,
      `     and ${lines.length - listed.length} more`,
    );
}

/** `PA 0000 0017`: to be read aloud. */
const inFours = (trackingNumber: string): string =>
  [trackingNumber.slice(0, 2), ...(trackingNumber.slice(2).match(/.{1,4}/g) ?? [])].join(' ');

const kilograms = (grams: number): string => (grams / 1_000).toFixed(grams < 10_000 ? 2 : 1);

const rule = (page: Page, y: number): void =>
  void page
    .moveTo(MARGIN, y)
    .lineTo(PAGE.width - MARGIN, y)
    .lineWidth(0.5)
    .stroke('#000');

/** One line of text, cut where the label ends. */
function write(
  page: Page,
  font: string,
  size: number,
  y: number,
  text: string,
  align: 'left' | 'center' = 'left',
): void {
  page.font(font, size).fillColor('#000');
  const drawn = fitting(page, latin(text));
  const x = align === 'center' ? MARGIN + (INNER - page.widthOfString(drawn)) / 2 : MARGIN;
  page.text(drawn, x, y, { lineBreak: false });
}

function fitting(page: Page, text: string): string {
  let cut = text;
  while (page.widthOfString(cut) > INNER)
    cut = cut.slice(
      0,
      Math.min(cut.length - 1, Math.floor((cut.length * INNER) / page.widthOfString(cut))),
    );
  return cut;
}
