// Names as generators are given them, and as code writes them.

/** The names of owners and contracts; the kit refuses others. */
const KEBAB = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const MAX_OWNER_CHARACTERS = 40;

/** @typedef {ReturnType<typeof namesOf>} Names */

/**
 * @param {string} what for the error: `a service`
 * @param {string} name
 * @throws when the kit would refuse it
 */
export function namesOf(what, name) {
  if (!KEBAB.test(name))
    throw new Error(
      `"${name}" cannot name ${what}; use lower case letters, digits and single dashes, beginning with a letter: loyalty-points`,
    );
  if (name.length > MAX_OWNER_CHARACTERS)
    throw new Error(
      `"${name}" has ${name.length} characters; ${what} has at most ${MAX_OWNER_CHARACTERS}`,
    );
  const pascal = name.replace(/(?:^|-)([a-z0-9])/g, (_, letter) => letter.toUpperCase());
  return {
    name,
    /** `loyaltyPoints` */
    camel: pascal[0]?.toLowerCase() + pascal.slice(1),
    /** `LoyaltyPoints` */
    pascal,
    /** `LOYALTY_POINTS` */
    capitals: name.replaceAll('-', '_').toUpperCase(),
    /** `loyalty points` */
    words: name.replaceAll('-', ' '),
  };
}
