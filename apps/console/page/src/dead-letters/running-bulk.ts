import { ask } from '../api/client';
import type { Batch } from '../api/types';
import { type Bulk, decideAboutMany, type Progress } from './bulk';

/** A replay or discard of many that runs, or has just ended. It goes on while screens change. */
export interface RunningBulk extends Progress {
  readonly bulk: Bulk;
  readonly total: number;
  readonly state: 'running' | 'stopping' | 'done' | 'stopped' | 'failed';
  readonly problem?: string;
}

let running: RunningBulk | undefined;
const listeners = new Set<() => void>();

function set(next: RunningBulk | undefined): void {
  running = next;
  for (const listener of listeners) listener();
}

export const currentBulk = (): RunningBulk | undefined => running;
export function subscribeToBulk(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

export const isBusy = (): boolean =>
  running !== undefined && ['running', 'stopping'].includes(running.state);

/** Starts one, unless another one runs. */
export async function startBulk(bulk: Bulk, total: number): Promise<void> {
  if (isBusy()) return;
  set({ bulk, total, done: 0, gone: 0, state: 'running' });
  const isStopped = () => running?.state === 'stopping';
  try {
    const progress = await decideAboutMany(bulk, send, tell, isStopped);
    set({ ...running!, ...progress, state: isStopped() ? 'stopped' : 'done' });
  } catch (error) {
    set({ ...running!, state: 'failed', problem: (error as Error).message });
  }
}

export function stopBulk(): void {
  if (running?.state === 'running') set({ ...running, state: 'stopping' });
}

export function forgetBulk(): void {
  if (!isBusy()) set(undefined);
}

const send = (service: string, action: string, request: object): Promise<Batch> =>
  ask<Batch>(`dead-letters/${encodeURIComponent(service)}/${action}`, {
    method: 'POST',
    body: request,
  });

const tell = (progress: Progress): void => set({ ...running!, ...progress });
