/** The operator and the reason. */
export interface Decision {
  readonly who: string;
  readonly reason?: string;
}
