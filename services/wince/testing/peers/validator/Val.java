import ca.uhn.fhir.context.*;
import ca.uhn.fhir.context.support.*;
import ca.uhn.fhir.validation.*;
import java.io.*;
import java.nio.file.*;
import java.util.*;
import org.hl7.fhir.common.hapi.validation.support.*;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.utilities.npm.NpmPackage;

/**
 * The R4 instance validator of HAPI, offline: one JVM for many files.
 *
 * <p>args: [-p package.tgz]... [-r resource.json]... [-profile URL] FILE... or "-" (file names on stdin). A line per issue (file, severity, place, line,
 * message id, message, separated by tabs) and one "file DONE true|false" each; exit status 1 where there was an error.
 */
public class Val {
  public static void main(String[] a) throws Exception {
    long t0 = System.currentTimeMillis();
    FhirContext ctx = FhirContext.forR4();
    var extra = new PrePopulatedValidationSupport(ctx);
    var opts = new ValidationOptions();
    List<String> files = new ArrayList<>();
    for (int i = 0; i < a.length; i++) {
      if (a[i].equals("-p")) {
        try (InputStream in = new FileInputStream(a[++i])) {
          NpmPackage p = NpmPackage.fromPackage(in);
          int n = 0;
          for (String f : p.listResources("StructureDefinition", "ValueSet", "CodeSystem", "SearchParameter")) {
            IBaseResource r = ctx.newJsonParser().parseResource(new InputStreamReader(p.loadResource(f), "UTF-8"));
            extra.addResource(r); n++;
          }
          System.out.println("# package " + p.name() + "#" + p.version() + ": " + n + " resources");
        }
      } else if (a[i].equals("-r")) extra.addResource(ctx.newJsonParser().parseResource(Files.readString(Path.of(a[++i]))));
      else if (a[i].equals("-profile")) opts.addProfile(a[++i]);
      else files.add(a[i]);
    }
    var chain = new ValidationSupportChain(extra, new DefaultProfileValidationSupport(ctx), new CommonCodeSystemsTerminologyService(ctx),
      new InMemoryTerminologyServerValidationSupport(ctx), new SnapshotGeneratingValidationSupport(ctx), unknown(ctx));
    var iv = new FhirInstanceValidator(chain);
    iv.setErrorForUnknownProfiles(true); iv.setNoTerminologyChecks(false); iv.setAnyExtensionsAllowed(true);
    FhirValidator v = ctx.newValidator().registerValidatorModule(iv);
    System.out.println("# ready " + (System.currentTimeMillis() - t0) + " ms");
    boolean bad = false;
    Iterator<String> it = files.equals(List.of("-")) ? new BufferedReader(new InputStreamReader(System.in)).lines().iterator() : files.iterator();
    while (it.hasNext()) {
      String f = it.next(); long t = System.currentTimeMillis();
      ValidationResult r = v.validateWithResult(Files.readString(Path.of(f)), opts);
      for (SingleValidationMessage m : r.getMessages())
        System.out.println(Path.of(f).getFileName() + "\t" + m.getSeverity() + "\t" + m.getLocationString() + "\t" + m.getLocationLine() + "\t" + m.getMessageId() + "\t" + m.getMessage());
      bad |= !r.isSuccessful();
      System.out.println(Path.of(f).getFileName() + "\tDONE\t" + r.isSuccessful() + "\t" + (System.currentTimeMillis() - t) + " ms"); System.out.flush();
    }
    System.exit(bad ? 1 : 0);
  }
  static IValidationSupport unknown(FhirContext ctx) {
    var u = new UnknownCodeSystemWarningValidationSupport(ctx);
    u.setNonExistentCodeSystemSeverity(IValidationSupport.IssueSeverity.WARNING);
    return u;
  }
}
