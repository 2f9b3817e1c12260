export { type Figures, GetFigures } from './insights';
