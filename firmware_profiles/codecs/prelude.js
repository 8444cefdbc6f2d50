// Evaluated before a codec, in the codec's own global scope. Its value is the way in: the worker keeps it, so
// whatever a codec does to its globals and prototypes, it does to its own answer only.
(function (global) {
  "use strict";
  var parse = JSON.parse, stringify = JSON.stringify, construct = Reflect.construct;
  var RealDate = Date;
  var now = 0, seed = 0;

  // The only clock is the time at which the payload was received.
  function FixedDate() {
    if (!new.target) return new RealDate(now).toString();
    return construct(RealDate, arguments.length ? arguments : [now], new.target);
  }
  FixedDate.prototype = RealDate.prototype;
  FixedDate.prototype.constructor = FixedDate;
  FixedDate.now = function () { return now; };
  FixedDate.parse = RealDate.parse;
  FixedDate.UTC = RealDate.UTC;
  global.Date = FixedDate;

  // The same payload gives the same answer.
  Math.random = function () {
    seed = (seed * 16807 + 7) % 2147483647;
    return seed / 2147483647;
  };

  var nothing = function () {};
  global.console = { log: nothing, info: nothing, warn: nothing, error: nothing, debug: nothing, trace: nothing };
  delete global.performance;
  delete global.SharedArrayBuffer;
  delete global.Atomics;
  delete global.queueMicrotask;

  // The part of Node's Buffer that codecs written for ChirpStack use.
  function latin(bytes) {
    var text = "";
    for (var i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i]);
    return text;
  }
  function bytesOf(text, encoding) {
    if (encoding === "hex") {
      var pairs = text.match(/^(?:[0-9a-fA-F]{2})*/)[0].match(/../g) || [];
      return pairs.map(function (pair) { return parseInt(pair, 16); });
    }
    var plain = text;
    if (encoding === "base64") plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    else if (encoding !== "ascii" && encoding !== "latin1" && encoding !== "binary")
      plain = unescape(encodeURIComponent(text));
    return Array.from(plain, function (letter) { return letter.charCodeAt(0) & 255; });
  }
  class Buffer extends Uint8Array {
    static get [Symbol.species]() { return Uint8Array; }
    static from(source, encoding) {
      var bytes = typeof source === "string" ? bytesOf(source, encoding) : Array.from(new Uint8Array(source));
      var made = new Buffer(bytes.length);
      made.set(bytes);
      return made;
    }
    static alloc(size, fill) { return new Buffer(size).fill(fill || 0); }
    static isBuffer(value) { return value instanceof Buffer; }
    static byteLength(text, encoding) { return bytesOf(text, encoding).length; }
    static concat(parts) {
      return Buffer.from([].concat.apply([], parts.map(function (part) { return Array.from(part); })));
    }
    slice(start, end) { return this.subarray(start, end); }
    subarray(start, end) {
      var part = new Uint8Array(this.buffer, this.byteOffset, this.length).subarray(start, end);
      return new Buffer(part.buffer, part.byteOffset, part.length);
    }
    equals(other) { return latin(this) === latin(other); }
    toJSON() { return { type: "Buffer", data: Array.from(this) }; }
    toString(encoding, start, end) {
      var bytes = this.subarray(start || 0, end);
      if (encoding === "hex")
        return Array.from(bytes, function (byte) { return (byte + 256).toString(16).slice(1); }).join("");
      var plain = latin(bytes);
      if (encoding === "base64") return btoa(plain);
      if (encoding === "ascii" || encoding === "latin1" || encoding === "binary") return plain;
      try { return decodeURIComponent(escape(plain)); } catch (error) { return plain; }
    }
    readUIntBE(at, length) {
      var value = 0;
      for (var i = 0; i < length; i++) value = value * 256 + this.readUInt8(at + i);
      return value;
    }
    readUIntLE(at, length) {
      var value = 0;
      for (var i = length - 1; i >= 0; i--) value = value * 256 + this.readUInt8(at + i);
      return value;
    }
    readIntBE(at, length) { return signed(this.readUIntBE(at, length), length); }
    readIntLE(at, length) { return signed(this.readUIntLE(at, length), length); }
  }
  function signed(value, length) {
    var whole = Math.pow(2, 8 * length);
    return value >= whole / 2 ? value - whole : value;
  }
  [["Int8", 1], ["Uint8", 1], ["Int16", 2], ["Uint16", 2], ["Int32", 4], ["Uint32", 4], ["Float32", 4],
    ["Float64", 8], ["BigInt64", 8], ["BigUint64", 8]].forEach(function (kind) {
    var names = { Float32: "Float", Float64: "Double" };
    var name = names[kind[0]] || kind[0];
    [["LE", true], ["BE", false]].forEach(function (order) {
      function read(at) {
        return new DataView(this.buffer, this.byteOffset, this.length)["get" + kind[0]](at || 0, order[1]);
      }
      function write(value, at) {
        new DataView(this.buffer, this.byteOffset, this.length)["set" + kind[0]](at || 0, value, order[1]);
        return (at || 0) + kind[1];
      }
      var ending = kind[1] === 1 ? "" : order[0];
      [name, name.replace("Uint", "UInt")].forEach(function (spelt) {
        Buffer.prototype["read" + spelt + ending] = read;
        Buffer.prototype["write" + spelt + ending] = write;
      });
    });
  });
  global.Buffer = Buffer;

  // Without a call: the name of the function that decodes, "" if there is none. With one: the answer.
  return function (call) {
    var name = typeof decodeUplink === "function" ? "decodeUplink"
      : typeof Decoder === "function" ? "Decoder"
      : typeof Decode === "function" ? "Decode" : "";
    if (!call) return name;
    var given = parse(call);
    now = given.time;
    seed = 1;
    var port = given.port === null ? undefined : given.port;
    if (name === "decodeUplink")
      return stringify(decodeUplink({ bytes: given.bytes, fPort: port, recvTime: new RealDate(now) }));
    if (name === "Decoder") return stringify({ data: Decoder(given.bytes, port) });
    return stringify({ data: Decode(port, given.bytes) });
  };
})(globalThis);
