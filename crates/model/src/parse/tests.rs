use crate::diagnostic::codes;
use crate::resource::AnyResource;
use crate::source::SourceFile;

fn parse(text: &str) -> (Vec<AnyResource>, Vec<crate::Diagnostic>) {
    super::parse(&[SourceFile::new("a.yaml", text)])
}

#[test]
fn show() {
    let (r, d) = parse(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n  hosts: [a]\n  htttp: []\n  http:\n  - match:\n    - uri: {exacct: /}\n      port: 70000\n    timeout: 10x\n    retries: { attempts: foo }\n---\na: [\n---\nfoo: bar\n---\n a: b\n  c: d\n",
    );
    println!("{r:#?}");
    for d in d {
        println!("{} {} {} | {} | {} ({:?})", d.location, d.code, d.field, d.reason, d.mend, d.resource);
    }
    let _ = codes::SYNTAX;
}
