import { command, type Command, type CommandGroup } from '../command-line/command';
import { UsageError } from '../command-line/errors';
import { bashCompletion } from '../completion/bash';
import { fishCompletion } from '../completion/fish';
import { placesIn } from '../completion/places';
import { zshCompletion } from '../completion/zsh';

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

/** @param root of all commands, this one too */
export const completionOf = (root: () => CommandGroup): Command =>
  command({
    name: 'completion',
    summary: 'a script that completes commands and options in bash, zsh or fish',
    parameters: 'bash | zsh | fish',
    words: [1, 1],
    options: {},
    asksServices: false,
    hasJson: false,
    notes: [
      'It completes the command parley: node_modules/.bin has to be in PATH, or parley be installed globally.',
      '  source <(parley completion bash)                                  in ~/.bashrc',
      '  parley completion zsh > ~/.zfunc/_parley                          a folder of fpath, before compinit',
      '  parley completion fish > ~/.config/fish/completions/parley.fish',
    ].join('\n'),
    run({ words: [shell = ''] }) {
      const script = Object.entries(SHELLS).find(([name]) => name === shell)?.[1];
      if (!script)
        throw new UsageError(`There is no completion for "${shell}": bash, zsh or fish.`);
      return Promise.resolve({ json: undefined, text: script(placesIn(root())) });
    },
  });
