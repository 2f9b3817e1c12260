export interface Issue {
  /** `lines.0.quantity` */
  readonly path: string;
  readonly message: string;
}
