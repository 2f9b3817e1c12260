import type { IncomingMessage } from 'node:http';
import type { Account } from '@contracts/orders';
import { Injectable } from '@nestjs/common';
import { bearerToken, ProblemError } from '@parley/service';
import { Authentication, UNKNOWN_CALLER } from './authentication';
import { type GuestToken, GuestTokens, isGuestToken } from './guest-tokens';

/** The sender of a request, verified by its Authorization header. */
export type Caller =
  /** Authentication is off: everybody sees all orders. */
  | { readonly kind: 'anybody'; readonly left?: undefined }
  /** `left`: milliseconds until the token expires. */
  | { readonly kind: 'customer'; readonly account: Account; readonly left: number }
  /** Without a token, or with one that opens one order. */
  | { readonly kind: 'guest'; readonly orderId?: string; readonly left?: number };

/** Verifies callers, and gives guests the token of their order. */
@Injectable()
export class Callers {
  private readonly found = new WeakMap<IncomingMessage, Promise<Caller>>();

  constructor(
    private readonly authentication: Authentication,
    private readonly guestTokens: GuestTokens,
  ) {}

  /** The caller of a request, found once. @throws ProblemError as callerOf */
  of(request: IncomingMessage): Promise<Caller> {
    const caller = this.found.get(request) ?? this.callerOf(request.headers.authorization);
    this.found.set(request, caller);
    return caller;
  }

  /**
   * @param authorization the header; without it the caller is a guest
   * @throws ProblemError 401 for a token that is not good, 503 while the issuer is away
   */
  async callerOf(authorization: string | undefined): Promise<Caller> {
    if (!this.authentication.isOn) return { kind: 'anybody' };
    if (authorization === undefined) return { kind: 'guest' };
    const token = bearerToken(authorization);
    if (isGuestToken(token)) return this.guestOf(token);
    const customer = await this.authentication.customerOf(authorization);
    return customer ? { kind: 'customer', ...customer } : { kind: 'anybody' };
  }

  /** The token for the reply to an order; undefined for a caller that needs none. */
  async guestTokenFor(caller: Caller, orderId: string): Promise<GuestToken | undefined> {
    return caller.kind === 'guest' ? this.guestTokens.tokenFor(orderId) : undefined;
  }

  private async guestOf(token: string): Promise<Caller> {
    try {
      return { kind: 'guest', ...(await this.guestTokens.orderOf(token)) };
    } catch {
      // The exact fault would help a forger.
      throw new ProblemError(UNKNOWN_CALLER);
    }
  }
}

/**
 * True when the caller may see the order.
 * @param order with its account in `placedBy`; undefined for a guest's order
 */
export function maySee(
  caller: Caller,
  order: { readonly orderId: string; readonly placedBy: Account | undefined },
): boolean {
  if (caller.kind === 'anybody') return true;
  if (caller.kind === 'guest') return caller.orderId === order.orderId;
  return caller.account === order.placedBy;
}
