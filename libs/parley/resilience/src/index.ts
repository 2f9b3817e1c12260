export { Deadline, DeadlineExceeded } from './deadline';
