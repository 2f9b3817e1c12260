import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { products } from './api';
import { euros } from './format';
import { keep, useKept } from './kept';
import { Section, Sentences } from './parts';

/** Prices change at any time; a change reaches the gateway by a broadcast. */
const LOOK_AGAIN_MS = 10_000;

/** The products with their prices of the moment, and the pieces of each that are wanted. */
export function Basket() {
  const { basket } = useKept();
  const [word, setWord] = useState('');
  const { data, error } = useQuery({
    queryKey: ['products'],
    queryFn: ({ signal }) => products(signal),
    refetchInterval: LOOK_AGAIN_MS,
  });
  const wanted = word.trim().toLowerCase();
  const found = data?.filter(
    ({ sku, name, description }) =>
      (basket[sku] ?? 0) > 0 || `${sku} ${name} ${description}`.toLowerCase().includes(wanted),
  );
  const pick = (sku: string, pieces: number) => keep({ basket: { ...basket, [sku]: pieces } });
  return (
    <Section id="products" title="1 · Pick products">
      {error && <Sentences error={error} />}
      {!data && !error && <p>Asking the catalogue …</p>}
      {found && (
        <>
          <label className="field">
            Search
            <input type="search" value={word} onChange={({ target }) => setWord(target.value)} />
          </label>
          <ul className="products" aria-label="Products">
            {found.map(({ sku, name, description, price }) => (
              <li key={sku}>
                <span className="product">
                  <strong>{name}</strong>
                  <span className="dim">{description}</span>
                </span>
                <span className="price">{euros(price)}</span>
                <input
                  type="number"
                  min={0}
                  inputMode="numeric"
                  aria-label={`Pieces of ${name}`}
                  value={basket[sku] ?? 0}
                  onChange={({ target }) =>
                    pick(sku, Math.max(0, Math.floor(target.valueAsNumber || 0)))
                  }
                />
              </li>
            ))}
          </ul>
        </>
      )}
    </Section>
  );
}
