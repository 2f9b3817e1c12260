import type { Story } from './follow';
import { clock } from './format';
import { keep, type KeptOrder, useKept } from './kept';
import { ShopMap } from './map';
import { HopLine, Section, Sentences, Tag } from './parts';
import { scenarioOf } from './scenarios';
import { useSlowly } from './slowly';
import { type Entry, KINDS, stageOf, wayOf } from './way';

interface Followed {
  readonly order?: KeptOrder;
  readonly story?: Story;
  /** It was placed since the page was loaded, and is shown as it happens. */
  readonly isNew: boolean;
}

/** The order that is followed: the map, its stages with their messages, and the other orders. */
export function Journey({ order, story, isNew }: Followed) {
  const all = story?.history ?? [];
  const shown = useSlowly(order?.orderId, all, isNew);
  const way = wayOf(shown);
  const end = shown.length === all.length ? story?.end : undefined;
  return (
    <Section id="journey" title="3 · Follow it">
      <Orders />
      {order && <State {...{ story, end, shown }} />}
      {!order && <p>Place an order: the map lights up as it travels.</p>}
      {story?.refusal && <Sentences error={story.refusal} />}
      <ShopMap way={way} latest={shown.at(-1)?.number ?? 0} />
      <Legend />
      {shown.length > 0 && (
        <>
          <h3>Its stages</h3>
          <ol className="timeline">
            {shown.map((entry) => (
              <Stage key={entry.number} entry={entry} />
            ))}
            {!end && way.next && (
              <li className="waits">
                <strong>waits for {way.next.to}</strong>
                <ul>
                  <HopLine hop={way.next} />
                </ul>
              </li>
            )}
          </ol>
          <p className="dim">
            One stage at a time, so that it can be seen; the times are those of the services.
          </p>
        </>
      )}
    </Section>
  );
}

function State({
  story,
  end,
  shown,
}: Pick<Followed, 'story'> & { readonly end?: string; readonly shown: readonly Entry[] }) {
  const last = shown.at(-1);
  return (
    <p role="status" className={`state ${end ?? 'under-way'}`}>
      {end ? `The order is ${end}.` : last ? `Under way: ${last.what}.` : 'The order is taken.'}
      {story?.connection === 'lost' && ' The connection is lost; the page asks again by itself.'}
    </p>
  );
}

function Stage({ entry }: { readonly entry: Entry }) {
  const stage = stageOf(entry);
  return (
    <li className={entry.what.startsWith('order rejected') ? 'bad' : ''}>
      <strong>{entry.what}</strong>{' '}
      <span className="dim">
        <time dateTime={entry.at}>{clock(entry.at)}</time>, says {entry.by}
      </span>
      {stage && (
        <ul>
          {stage.went.map((hop) => (
            <HopLine key={`${hop.contract} ${hop.to}`} hop={hop} />
          ))}
          {stage.follow.length > 0 && (
            <li className="dim">
              And, while no order waits for it:
              <ul>
                {stage.follow.map((hop) => (
                  <HopLine key={`${hop.contract} ${hop.to}`} hop={hop} />
                ))}
              </ul>
            </li>
          )}
        </ul>
      )}
    </li>
  );
}

function Orders() {
  const { orders, followed } = useKept();
  if (orders.length < 2) return null;
  return (
    <label className="field">
      Orders of this tab
      <select value={followed} onChange={({ target }) => keep({ followed: target.value })}>
        {orders.map(({ orderId, scenario, placedAt }) => (
          <option key={orderId} value={orderId}>
            {clock(placedAt).slice(0, 8)} · {scenarioOf(scenario).label} · {orderId.slice(0, 8)}
          </option>
        ))}
      </select>
    </label>
  );
}

const Legend = () => (
  <ul className="legend" aria-label="Lines of the map">
    {KINDS.map((kind) => (
      <li key={kind}>
        <svg viewBox="0 0 34 8" aria-hidden="true" className={`edge went ${kind}`}>
          <path className="line" d="M1,4 L33,4" />
        </svg>
        <Tag kind={kind} />
      </li>
    ))}
    <li className="dim">
      Dashes that move: the order waits here. Pale: follows by itself. Round: another company, by
      plain HTTP. The console watches them all.
    </li>
  </ul>
);
