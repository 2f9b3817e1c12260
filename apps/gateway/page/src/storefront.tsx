import { useState } from 'react';
import { CONSOLE_ABOVE, neighbour } from './addresses';
import { Basket } from './basket';
import { Breaking } from './breaking';
import { Checkout } from './checkout';
import { useStory } from './follow';
import { Journey } from './journey';
import { useKept } from './kept';

export function Storefront() {
  const { orders, followed } = useKept();
  const [placedHere, setPlacedHere] = useState<ReadonlySet<string>>(new Set());
  const order = orders.find(({ orderId }) => orderId === followed);
  const story = useStory(order);
  const operators = neighbour(CONSOLE_ABOVE, new URL(location.href));
  const placed = (orderId: string) => {
    setPlacedHere((before) => new Set([...before, orderId]));
    document.getElementById('journey-title')?.focus();
  };
  return (
    <>
      <a className="skip" href="#products">
        To the products
      </a>
      <header className="top">
        <h1>The shop</h1>
        <p>
          One order, nine services. See how it travels, and what happens when one of them fails.
        </p>
        <nav aria-label="Elsewhere">
          {operators && <a href={`${operators}/`}>Console for operators</a>}
          <a href="/docs">API</a>
        </nav>
      </header>
      <main>
        <Basket />
        <Checkout placed={placed} />
        <Journey
          order={order}
          story={story}
          isNew={order !== undefined && placedHere.has(order.orderId)}
        />
        <Breaking />
      </main>
    </>
  );
}
