import { Injectable } from '@nestjs/common';

/** Stands for whatever a handler needs and cannot rely on. */
@Injectable()
export class Printer {
  isOn = false;
}
