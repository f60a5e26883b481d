'use strict';
// What a site's own plugins do to a conversation: lab.ini says which of it.

exports.register = function () {
    this.cfg = this.config.get('lab.ini', { booleans: ['-main.auth'] }).main;
};

exports.hook_connect = function (next, connection) {
    const { connect, text } = this.cfg;
    if (connect === 'deny') return next(DENYDISCONNECT, text);
    if (connect === 'denysoft') return next(DENYSOFTDISCONNECT, text);
    if (connect === 'slow') return setTimeout(next, 6000);
    next();
};

exports.hook_ehlo = function (next) {
    if (this.cfg.hello === 'deny') return next(DENY, this.cfg.text);
    next();
};
exports.hook_helo = exports.hook_ehlo;

// As auth/flat_file does for clients from elsewhere: clients from here it gives AUTH at once.
exports.hook_capabilities = function (next, connection) {
    if (this.cfg.auth && connection.tls.enabled) {
        connection.capabilities.push('AUTH PLAIN LOGIN');
        connection.notes.allowed_auth_methods = ['PLAIN', 'LOGIN'];
    }
    next();
};
