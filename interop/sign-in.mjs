// The browser's part of a sign-in: follows redirects, keeps cookies, fills in the two forms.
import { check } from "./sandbox.mjs";

/// The redirect that the authorization endpoint ends with, code or error.
export async function signIn(authorize, redirectUri, user) {
  const cookies = new Map();
  let url = new URL(authorize);
  let form = null;
  for (let hop = 0; hop < 12; hop += 1) {
    const answer = await fetch(url, {
      method: form ? "POST" : "GET",
      body: form,
      redirect: "manual",
      headers: {
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; "),
        ...(form ? { origin: url.origin, "sec-fetch-site": "same-origin" } : {}),
      },
    });
    for (const cookie of answer.headers.getSetCookie()) {
      const [pair] = cookie.split(";");
      const at = pair.indexOf("=");
      cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
    form = null;
    if (answer.status === 302 || answer.status === 303) {
      url = new URL(answer.headers.get("location"), url);
      if (url.href.startsWith(redirectUri)) return url;
      continue;
    }
    check(answer.status === 200, `a page: ${answer.status} ${url.pathname}`);
    const page = await answer.text();
    form = new URLSearchParams();
    for (const [tag] of page.matchAll(/<input[^>]*>/g)) {
      const of = (name) => tag.match(new RegExp(`${name}="([^"]*)"`))?.[1];
      if (of("type") === "hidden") form.set(of("name"), of("value") ?? "");
    }
    if (/name="password"/.test(page)) {
      form.set("username", user.username);
      form.set("password", user.password);
    } else {
      const allow = page.match(/<button[^>]*name="([^"]+)"[^>]*value="(allow)"/);
      check(allow, "the consent page offers to allow");
      form.set(allow[1], allow[2]);
    }
    const action = page.match(/<form[^>]*method="post"[^>]*action="([^"]+)"|<form[^>]*action="([^"]+)"[^>]*method="post"/i);
    url = new URL((action?.[1] ?? action?.[2] ?? url.href).replaceAll("&amp;", "&"), url);
  }
  throw new Error("the sign-in did not end");
}
