import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** A database of its own in a server, and an administrator that owns it. */
export class Database {
  #server;
  #name;

  /**
   * @param {string} server URL of a superuser
   * @param {string} name
   */
  constructor(server, name) {
    this.#server = server;
    this.#name = name;
    this.url = Object.assign(new URL(server), {
      pathname: name,
      username: name,
      password: 'secret',
    }).href;
  }

  /** @param {string} server URL of a superuser */
  static async create(server) {
    const name = `example_${randomBytes(4).toString('hex')}`;
    const database = new Database(server, name);
    await database.#query(`create role ${name} superuser login password 'secret'`);
    await database.#query(`create database ${name} owner ${name}`);
    return database;
  }

  async drop() {
    await this.#query(`drop database if exists ${this.#name} with (force)`);
    await this.#query(`drop role if exists ${this.#name}`);
  }

  /** @param {string} statement */
  async #query(statement) {
    const client = new pg.Client({ connectionString: this.#server });
    await client.connect();
    await client.query(statement).finally(() => client.end());
  }
}
