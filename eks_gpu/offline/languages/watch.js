// Loaded into Node.js before a program that runs offline. It tells which keys of the configuration the program asks for
// and what it leaves out, lets no callback change the machine, and keeps Node.js 20 from a hang on an error's colours.
"use strict";
const { AsyncLocalStorage } = require("node:async_hooks");
const Module = require("node:module"), fs = require("node:fs"), net = require("node:net"), path = require("node:path");
const processes = require("node:child_process"), util = require("node:util");

const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"; // how the engine's protocol writes an unknown value
const root = process.env.EKS_GPU_ROOT, told = process.env.EKS_GPU_TOLD, offline = process.env.EKS_GPU_OFFLINE !== "false";
if (!told) {
    return; // a thread or a process that the program starts
}
delete process.env.EKS_GPU_TOLD;
const read = new Set(), stopped = new Set(), leftOut = new Map(), waited = new Map();
const callbacks = new AsyncLocalStorage(), writeFileSync = fs.writeFileSync, load = Module._load, inspect = util.inspect;

/** `index.ts:12`, the innermost line of the program's own; empty if there is none. */
function place(error) {
    for (const line of String(error.stack).split("\n")) {
        const frame = /^\s+at (?:.*\()?(?:file:\/\/)?(\/[^()]*?):(\d+):\d+\)?$/.exec(line);
        const file = frame && path.relative(root, frame[1]);
        if (file && !file.startsWith("..") && !file.includes("node_modules")) {
            return `${file}:${frame[2]}`;
        }
    }
    return "";
}

// With colours, Node.js 20 reads the stack for names of packages by a pattern that takes minutes on a source map's.
util.inspect = Object.assign(
    (value, options, ...more) =>
        inspect(value, options && typeof options === "object" ? { ...options, colors: false } : options, ...more),
    inspect,
);

class Stopped extends Error {}

/** Inside of a callback, whose value may be a stand-in, what would change the machine is stopped. */
function guard(holder, name, does = () => true) {
    const real = holder[name];
    if (typeof real !== "function" || !offline) {
        return;
    }
    holder[name] = function (...args) {
        const callback = callbacks.getStore();
        if (callback && does(...args)) {
            const error = new Stopped(`${name} inside an apply was stopped`);
            stopped.add(JSON.stringify([place(error) || place(callback.made), name, callback.value]));
            throw error;
        }
        return real.apply(this, args);
    };
}

const changes = ["writeFile", "appendFile", "mkdir", "mkdtemp", "rm", "rmdir", "unlink", "rename", "copyFile", "cp",
    "symlink", "link", "truncate", "chmod", "chown", "utimes"];
for (const name of changes) {
    guard(fs.promises, name);
    guard(fs, name);
    guard(fs, `${name}Sync`);
}
guard(fs, "createWriteStream");
for (const [holder, name] of [[fs, "open"], [fs, "openSync"], [fs.promises, "open"]]) {
    guard(holder, name, (_, flags) => /[wa+]/.test(typeof flags === "string" ? flags : "r"));
}
for (const name of ["spawn", "exec", "execFile", "fork", "spawnSync", "execSync", "execFileSync"]) {
    guard(processes, name);
}
const here = new Set([undefined, "127.0.0.1", "localhost"]); // the monitor, and a transform's own server
guard(net.Socket.prototype, "connect", (...args) => {
    const options = Array.isArray(args[0]) ? args[0][0] : args[0];
    return !here.has(typeof options === "object" ? options.host : args[1]);
});
Module.syncBuiltinESMExports();

/** The resource and its property that a value began as. */
function source(output) {
    for (const resource of output.resources?.() ?? []) {
        const name = Object.keys(resource).find((key) => resource[key] === output);
        if (name) {
            return { type: resource.__pulumiType, name: resource.__name, output: name };
        }
    }
    return undefined;
}

function watchOutputs(sdk) {
    const Output = sdk.Output, apply = Output.prototype.apply;
    const stopping = (error) => {
        if (error instanceof Stopped) {
            return sdk.unknown;
        }
        throw error;
    };
    Output.prototype.apply = function (func, runWithUnknowns) {
        const from = source(this);
        const callback = { made: new Error(), value: from && `${from.output} of ${from.type} ${from.name}` };
        const own = new Set(this.resources?.() ?? []);
        this.isKnown?.then((known) => {
            if (!known && !runWithUnknowns && place(callback.made)) {
                leftOut.set(place(callback.made), [String(func), callback.value ?? ""]);
                from && waited.set(JSON.stringify(from), from);
            }
        }, () => undefined);
        const called = (value) => {
            try {
                const made = callbacks.run(callback, () => func(value));
                return made instanceof Promise ? made.catch(stopping) : made;
            } catch (error) {
                return stopping(error);
            }
        };
        return apply.call(this, own.size ? called : func, runWithUnknowns);
    };
    sdk.unknown.constructor.prototype.toString = () => UNKNOWN; // in a text, the whole is unknown
}

const watched = new WeakSet();
Module._load = function (request, ...more) {
    const loaded = load.call(this, request, ...more);
    if (loaded === null || typeof loaded !== "object" || watched.has(loaded)) {
        return loaded;
    }
    if (/\/config$/.test(request) && loaded.getConfig && loaded.allConfig) {
        watched.add(loaded);
        const getConfig = loaded.getConfig;
        loaded.getConfig = (key) => {
            read.add(key);
            return getConfig(key);
        };
    } else if (offline && /\/output$/.test(request) && loaded.Output?.prototype?.apply && loaded.unknown) {
        watched.add(loaded);
        watchOutputs(loaded);
    }
    return loaded;
};

process.on("exit", () => {
    const left = [...leftOut].map(([where, [func, value]]) => [where, value, func]);
    const answer = { read: [...read], stopped: [...stopped].map(JSON.parse), left, waited: [...waited.values()] };
    writeFileSync(told, JSON.stringify(answer));
});
