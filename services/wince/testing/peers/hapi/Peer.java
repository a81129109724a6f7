import ca.uhn.fhir.batch2.jobs.config.Batch2JobsConfig;
import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.jpa.api.config.*;
import ca.uhn.fhir.jpa.api.dao.IFhirSystemDao;
import ca.uhn.fhir.jpa.batch2.JpaBatch2Config;
import ca.uhn.fhir.jpa.config.*;
import ca.uhn.fhir.jpa.config.r4.JpaR4Config;
import ca.uhn.fhir.jpa.config.util.HapiEntityManagerFactoryUtil;
import ca.uhn.fhir.jpa.interceptor.UserRequestRetryVersionConflictsInterceptor;
import ca.uhn.fhir.jpa.model.config.*;
import ca.uhn.fhir.jpa.model.dialect.HapiFhirH2Dialect;
import ca.uhn.fhir.jpa.provider.*;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.jpa.subscription.channel.config.SubscriptionChannelConfig;
import ca.uhn.fhir.jpa.subscription.match.config.SubscriptionProcessorConfig;
import ca.uhn.fhir.jpa.subscription.submit.config.SubscriptionSubmitterConfig;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.interceptor.RequestValidatingInterceptor;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import ca.uhn.fhir.validation.*;
import jakarta.persistence.EntityManagerFactory;
import java.util.*;
import javax.sql.DataSource;
import org.apache.commons.dbcp2.BasicDataSource;
import org.eclipse.jetty.ee10.servlet.*;
import org.eclipse.jetty.server.*;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.context.annotation.*;
import org.springframework.orm.jpa.*;

/**
 * HAPI FHIR JPA (R4) as a peer for tests, in memory, on 127.0.0.1 only.
 *
 * <p>args: PORT (0: a free one) [--validate] [--retry] [--smart jwks.json] [--token-life seconds]. Prints "READY base-url".
 */
public class Peer {
  static List<String> A;
  static boolean flag(String f) { return A.contains(f); }
  static String opt(String f, String d) { int i = A.indexOf(f); return i < 0 ? d : A.get(i + 1); }

  @Configuration
  @Import({JpaR4Config.class, HapiJpaConfig.class, ThreadPoolFactoryConfig.class, JpaBatch2Config.class, Batch2JobsConfig.class,
    SubscriptionSubmitterConfig.class, SubscriptionProcessorConfig.class, SubscriptionChannelConfig.class})
  public static class Cfg {
    @Bean public JpaStorageSettings storageSettings() {
      JpaStorageSettings s = new JpaStorageSettings();
      s.setResourceClientIdStrategy(JpaStorageSettings.ClientIdStrategyEnum.ANY);
      s.setResourceServerIdStrategy(JpaStorageSettings.IdStrategyEnum.UUID);
      s.setAllowExternalReferences(true);
      s.setReuseCachedSearchResultsForMillis(null); // no stale search results in tests
      s.setHibernateSearchIndexFullText(false);
      s.setHibernateSearchIndexSearchParams(false);
      return s;
    }
    @Bean public ca.uhn.fhir.jpa.subscription.match.deliver.email.IEmailSender emailSender() { return d -> { }; } // SubscriptionProcessorConfig needs one
    @Bean public PartitionSettings partitionSettings() { return new PartitionSettings(); }
    @Bean public SubscriptionSettings subscriptionSettings() { return new SubscriptionSettings(); }
    @Bean public DataSource dataSource() {
      BasicDataSource d = new BasicDataSource();
      d.setDriver(new org.h2.Driver());
      d.setUrl("jdbc:h2:" + "mem:hapi" + ";DB_CLOSE_DELAY=-1");
      d.setUsername("sa"); d.setPassword(""); d.setMaxTotal(40);
      return d;
    }
    @Bean @Primary public HibernatePropertiesProvider hpp() {
      return new HibernatePropertiesProvider() { @Override public org.hibernate.dialect.Dialect getDialect() { return new HapiFhirH2Dialect(); } };
    }
    @Bean @Primary public LocalContainerEntityManagerFactoryBean entityManagerFactory(DataSource ds, ConfigurableListableBeanFactory bf, FhirContext ctx, JpaStorageSettings s) {
      LocalContainerEntityManagerFactoryBean b = HapiEntityManagerFactoryUtil.newEntityManagerFactory(bf, ctx, s);
      b.setDataSource(ds); b.setPersistenceUnitName("HAPI_PU");
      Properties p = new Properties();
      p.put("hibernate.dialect", HapiFhirH2Dialect.class.getName());
      p.put("hibernate.hbm2ddl.auto", "create");
      p.put("hibernate.jdbc.batch_size", "20");
      p.put("hibernate.cache.use_query_cache", "false");
      p.put("hibernate.cache.use_second_level_cache", "false");
      p.put("hibernate.search.enabled", "false");
      b.setJpaProperties(p);
      return b;
    }
    @Bean @Primary public JpaTransactionManager transactionManager(EntityManagerFactory f) { return new JpaTransactionManager(f); }
  }

  @SuppressWarnings({"unchecked", "rawtypes"})
  public static void main(String[] args) throws Exception {
    A = Arrays.asList(args);
    var ac = new AnnotationConfigApplicationContext(Cfg.class);
    FhirContext ctx = ac.getBean(FhirContext.class);
    RestfulServer rs = new RestfulServer(ctx);
    IFhirSystemDao dao = ac.getBean(IFhirSystemDao.class);
    rs.registerProviders(ac.getBean(ResourceProviderFactory.class).createProviders());
    rs.registerProvider(ac.getBean(IJpaSystemProvider.class));
    var cs = new JpaCapabilityStatementProvider(rs, dao, ac.getBean(JpaStorageSettings.class), ac.getBean(ISearchParamRegistry.class), ac.getBean(IValidationSupport.class));
    cs.setImplementationDescription("HAPI JPA test peer");
    rs.setServerConformanceProvider(cs);
    rs.setPagingProvider(ac.getBean(DatabaseBackedPagingProvider.class));
    rs.setDefaultResponseEncoding(ca.uhn.fhir.rest.api.EncodingEnum.JSON);
    if (flag("--retry")) rs.registerInterceptor(new UserRequestRetryVersionConflictsInterceptor());
    if (flag("--validate")) {
      var v = new RequestValidatingInterceptor();
      v.setFailOnSeverity(ResultSeverityEnum.ERROR);
      v.setValidatorModules(Collections.singletonList(ac.getBean(IValidatorModule.class)));
      rs.registerInterceptor(v);
    }
    Server srv = new Server();
    ServerConnector c = new ServerConnector(srv);
    c.setHost("127.0.0.1"); c.setPort(Integer.parseInt(args[0]));
    c.open();
    String origin = "http://127.0.0.1:" + c.getLocalPort();
    srv.addConnector(c);
    ServletContextHandler h = new ServletContextHandler("/");
    ServletHolder sh = new ServletHolder(rs); sh.setInitOrder(1);
    h.addServlet(sh, "/fhir/*");
    if (opt("--smart", null) != null) { // --smart jwks.json [--token-life s]
      Smart sm = new Smart(opt("--smart", null), origin, Integer.parseInt(opt("--token-life", "300")));
      rs.registerInterceptor(sm);
      h.addServlet(new ServletHolder(sm.conf), "/fhir/.well-known/smart-configuration");
      h.addServlet(new ServletHolder(sm.token), "/token");
    }
    srv.setHandler(h);
    srv.start();
    System.out.println("READY " + origin + "/fhir");
    System.out.flush();
    srv.join();
  }
}
