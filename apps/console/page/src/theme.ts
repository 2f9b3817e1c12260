import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

// Darker and lighter than the library's own where text in its colours would be hard to read
// (WCAG AA: 4.5 to 1).
const ink: MantineColorsTuple = [
  '#eaf2fb',
  '#d3e3f5',
  '#a5c7ea',
  '#7fb0e2',
  '#5f9ad8',
  '#3c82cb',
  '#2670bd',
  '#1a62ad',
  '#14548f',
  '#0e4071',
];

export const theme = createTheme({
  primaryColor: 'ink',
  primaryShade: { light: 8, dark: 7 },
  colors: { ink },
  defaultRadius: 'sm',
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontFamily:
    'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
});

export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-body': '#f7f8fa',
    '--mantine-color-text': '#1b2430',
    '--mantine-color-dimmed': '#4d5866',
    '--mantine-color-placeholder': '#5f6b7a',
    '--mantine-color-error': '#b3261e',
  },
  dark: {
    '--mantine-color-body': '#14181d',
    '--mantine-color-text': '#e3e8ee',
    '--mantine-color-dimmed': '#a8b3c0',
    '--mantine-color-placeholder': '#95a1af',
    '--mantine-color-error': '#ff9a8f',
  },
});
