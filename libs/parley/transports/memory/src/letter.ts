import type { DeadLetter } from '@parley/messaging';
import type { Row } from './lane-table';

/** A dead letter with its place in its lane. */
export interface Letter extends DeadLetter, Pick<Row, 'key' | 'lane' | 'place'> {}
