// Replaces a method of the product, for the processes of a planted run alone. A method that is not
// there any more ends the process.

/**
 * @template {object} T
 * @template {keyof T & string} K
 * @param {T} owner a prototype
 * @param {K} name
 * @param {(usual: T[K]) => T[K]} make
 */
exports.replace = (owner, name, make) => {
  if (typeof owner?.[name] !== 'function')
    throw new Error(
      `There is no method ${name} to plant a fault in: the plant must follow the code.`,
    );
  owner[name] = make(owner[name]);
};
