import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity('customer_order')
export class Order {
  @PrimaryColumn('text')
  id!: string;

  @Column('integer')
  cents!: number;

  /** Number of its invoice, once there is one. */
  @Column('text', { nullable: true })
  invoice!: string | null;
}
