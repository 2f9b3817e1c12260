import type { Product } from '@contracts/catalog';

/** Products of one kind: they share the first letters of their numbers, and a description. */
interface Shelf {
  readonly description: string;
  /** Name, price in cents, packed weight in grams. Their order numbers them: add at the end. */
  readonly products: readonly (readonly [string, number, number])[];
}

const SHELVES: Readonly<Record<string, Shelf>> = {
  TEA: {
    description: 'Loose leaf tea, 100 g tin',
    products: [
      ['Assam Mokalbari', 690, 140],
      ['Darjeeling First Flush', 1290, 150],
      ['Darjeeling Autumnal', 990, 160],
      ['Ceylon Uva', 640, 130],
      ['Nilgiri Frost', 720, 140],
      ['Keemun Hao Ya', 850, 150],
      ['Lapsang Souchong', 780, 160],
      ['Yunnan Gold', 1150, 130],
      ['Earl Grey with bergamot', 690, 140],
      ['English Breakfast', 590, 150],
      ['Sencha Fukamushi', 1190, 160],
      ['Gyokuro', 2490, 130],
      ['Genmaicha', 790, 140],
      ['Dragon Well', 1380, 150],
      ['Jasmine Pearls', 1250, 160],
      ['White Peony', 1090, 130],
    ],
  },
  COF: {
    description: 'Whole beans, roasted this week, 250 g bag',
    products: [
      ['Ethiopia Yirgacheffe', 1190, 280],
      ['Kenya Nyeri AA', 1290, 290],
      ['Colombia Huila', 990, 300],
      ['Guatemala Antigua', 1050, 270],
      ['Brazil Cerrado', 850, 280],
      ['Sumatra Mandheling', 1090, 290],
      ['Costa Rica Tarrazu', 1150, 300],
      ['Rwanda Nyamasheke', 1120, 270],
      ['Peru Cajamarca', 950, 280],
      ['House Espresso', 890, 290],
      ['Decaf by mountain water', 990, 300],
      ['Monsooned Malabar', 1020, 270],
    ],
  },
  HON: {
    description: 'Single blossom honey, 250 g jar',
    products: [
      ['Acacia honey', 790, 430],
      ['Chestnut honey', 850, 440],
      ['Heather honey', 1150, 450],
      ['Linden honey', 760, 420],
      ['Forest honey', 820, 430],
      ['Orange blossom honey', 890, 440],
      ['Thyme honey', 1050, 450],
      ['Creamed clover honey', 720, 420],
    ],
  },
  CHO: {
    description: 'Made from bean to bar, fairly traded',
    products: [
      ['Dark chocolate 70 %', 450, 120],
      ['Dark chocolate 85 %', 480, 130],
      ['Milk chocolate 42 %', 420, 140],
      ['White chocolate with vanilla', 430, 110],
      ['Gianduja', 590, 120],
      ['Chocolate with sea salt', 470, 130],
      ['Chocolate with candied orange', 520, 140],
      ['Chocolate with chilli', 480, 110],
      ['Drinking chocolate', 890, 120],
      ['Cocoa nibs', 650, 130],
      ['Almonds in chocolate', 720, 140],
      ['Coffee beans in chocolate', 690, 110],
    ],
  },
  MUG: {
    description: 'Thrown by hand, dishwasher safe',
    products: [
      ['Stoneware mug, chalk', 1690, 390],
      ['Stoneware mug, moss', 1690, 400],
      ['Stoneware mug, ink', 1690, 410],
      ['Espresso cup, pair', 2190, 380],
      ['Glass teacup, double walled', 1490, 390],
      ['Travel mug', 2490, 400],
      ['Tea bowl', 2890, 410],
      ['Milk jug', 1990, 380],
    ],
  },
  POT: {
    description: 'For the kitchen, two years of warranty',
    products: [
      ['Cast iron teapot 0.8 l', 5900, 1110],
      ['Glass teapot 1.2 l', 3490, 1120],
      ['Kyusu 0.3 l', 4290, 1130],
      ['French press 1 l', 3290, 1100],
      ['Pour-over dripper', 2290, 1110],
      ['Moka pot for three', 2790, 1120],
      ['Gooseneck kettle', 5490, 1130],
      ['Hand grinder', 7990, 1100],
    ],
  },
};

/** Products that the shop sells from the first day. */
export const products: readonly Product[] = Object.entries(SHELVES).flatMap(
  ([letters, { description, products }]) =>
    products.map(([name, price, grams], index) => ({
      sku: `${letters}-${String(index + 1).padStart(4, '0')}`,
      name,
      description,
      price,
      grams,
    })),
);
