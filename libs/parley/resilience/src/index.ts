export { Deadline, DeadlineExceeded } from './deadline';
export { abortAfter, sleep, startTimer, type TimerOptions } from './timer';
