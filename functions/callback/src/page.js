(function () {
  "use strict";
  var facts = document.body.dataset;
  if (window.opener && facts.target) {
    var message = { type: "instagram-connect", outcome: facts.outcome };
    if (facts.code) message.code = facts.code;
    if (facts.account) message.accountId = facts.account;
    window.opener.postMessage(message, facts.target);
    if (facts.outcome === "connected") setTimeout(function () { window.close(); }, 1500);
  }
})();
